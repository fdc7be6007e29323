/* dtype.c: names, promotion and conversion of element types.
 *
 * Conversion goes through the widest type of the source's kind (f32, f64 or i64), in blocks that
 * stay in the first-level cache; one pass where source or target is that type itself. */
#include "core/tensor/dtype.h"

#include "core/tensor/clones.h"

#include <math.h>

#ifdef __x86_64__
#include <immintrin.h>
#endif

enum { BLOCK = 512 };

typedef struct entry {
  size_t size;
  char kind;
  const char *name, *brief, *safetensors;
} entry;

static const entry entries[GT_NDTYPE] = {
#define X(NAME, short_name, bytes, kind, torch, safetensors)                                       \
  [GT_##NAME] = {bytes, kind, torch, #short_name, safetensors},
    GT_DTYPE_LIST(X)
#undef X
};

size_t gt_dtype_size(gt_dtype dtype) { return entries[dtype].size; }
const char *gt_dtype_name(gt_dtype dtype) { return entries[dtype].name; }
const char *gt_dtype_short(gt_dtype dtype) { return entries[dtype].brief; }
const char *gt_dtype_safetensors(gt_dtype dtype) { return entries[dtype].safetensors; }
bool gt_dtype_is_float(gt_dtype dtype) { return entries[dtype].kind == 'f'; }
bool gt_dtype_is_half(gt_dtype dtype) { return dtype == GT_BF16 || dtype == GT_F16; }

bool gt_dtype_parse(const char *text, gt_dtype *out) {
  static const struct {
    const char *name;
    gt_dtype dtype;
  } aliases[] = {{"float", GT_F32}, {"double", GT_F64}, {"half", GT_F16}, {"long", GT_I64},
                 {"int", GT_I32},   {"short", GT_I16},  {"byte", GT_U8}};
  if (strncmp(text, "torch.", 6) == 0) text += 6;
  for (int i = 0; i < GT_NDTYPE; i++) {
    if (strcmp(text, entries[i].name) == 0 || strcmp(text, entries[i].brief) == 0) {
      *out = (gt_dtype)i;
      return true;
    }
  }
  for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++) {
    if (strcmp(text, aliases[i].name) == 0) {
      *out = aliases[i].dtype;
      return true;
    }
  }
  return false;
}

gt_dtype gt_dtype_promote(gt_dtype a, gt_dtype b) {
  const entry *x = &entries[a], *y = &entries[b];
  if (a == b || y->kind == 'b') return a;
  if (x->kind == 'b') return b;
  if (x->kind == 'f' && y->kind == 'f') {
    if (x->size == y->size) return GT_F32; /* bf16 with f16 */
    return x->size > y->size ? a : b;
  }
  if (x->kind == 'f') return a;
  if (y->kind == 'f') return b;
  if (x->kind == y->kind) return x->size > y->size ? a : b;
  gt_dtype sign = x->kind == 'i' ? a : b, plain = x->kind == 'i' ? b : a;
  if (entries[sign].size > entries[plain].size) return sign;
  return plain == GT_U8 ? GT_I16 : GT_I32; /* the signed type that holds both */
}

float gt_from_f16(uint16_t h) {
  uint32_t sign = (uint32_t)(h & 0x8000u) << 16, magnitude = h & 0x7fffu, u;
  float x;
  if (magnitude < 0x0400u) { /* zero and subnormals: multiples of 2^-24 */
    x = (float)magnitude * 0x1p-24f;
    memcpy(&u, &x, sizeof u);
    u |= sign;
  } else if (magnitude < 0x7c00u) {
    u = sign | ((magnitude << 13) + ((127u - 15u) << 23));
  } else { /* infinity, or a NaN made quiet */
    u = sign | 0x7f800000u | (magnitude & 0x3ffu) << 13 | (magnitude > 0x7c00u ? 0x400000u : 0u);
  }
  memcpy(&x, &u, sizeof x);
  return x;
}

uint16_t gt_to_f16(float x) {
  uint32_t u;
  memcpy(&u, &x, sizeof u);
  uint16_t sign = (uint16_t)((u >> 16) & 0x8000u);
  uint32_t magnitude = u & 0x7fffffffu;
  if (magnitude > 0x7f800000u)
    return (uint16_t)(sign | 0x7e00u | ((magnitude >> 13) & 0x3ffu)); /* NaN */
  if (magnitude >= 0x477ff000u) return sign | 0x7c00u; /* rounds to 65536 or more: infinity */
  if (magnitude < 0x38800000u) { /* below 2^-14: adding 0.5 rounds to a multiple of 2^-24 */
    float y;
    memcpy(&y, &magnitude, sizeof y);
    y += 0.5f;
    memcpy(&u, &y, sizeof u);
    return (uint16_t)(sign | (u - 0x3f000000u));
  }
  magnitude += 0xfffu + ((magnitude >> 13) & 1u);
  return (uint16_t)(sign | ((magnitude >> 13) - ((127u - 15u) << 10)));
}

/* Eights of elements by the CPU's own conversion, where it has one; both answer how many. */
#ifdef __x86_64__
__attribute__((target("avx,f16c"))) static int64_t widen_f16c(float *to, const uint16_t *from,
                                                              int64_t n) {
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    __m128i half = _mm_loadu_si128((const __m128i *)(from + i));
    _mm256_storeu_ps(to + i, _mm256_cvtph_ps(half));
  }
  return i;
}

__attribute__((target("avx,f16c"))) static int64_t narrow_f16c(uint16_t *to, const float *from,
                                                               int64_t n) {
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    __m128i half = _mm256_cvtps_ph(_mm256_loadu_ps(from + i), _MM_FROUND_TO_NEAREST_INT);
    _mm_storeu_si128((__m128i *)(to + i), half);
  }
  return i;
}
#define HAS_F16C __builtin_cpu_supports("f16c")
#else
#define HAS_F16C false
#define widen_f16c(to, from, n) 0
#define narrow_f16c(to, from, n) 0
#endif

static void widen_f16(float *to, const uint16_t *from, int64_t n) {
  int64_t i = HAS_F16C ? widen_f16c(to, from, n) : 0;
  for (; i < n; i++) to[i] = gt_from_f16(from[i]);
}

static void narrow_f16(uint16_t *to, const float *from, int64_t n) {
  int64_t i = HAS_F16C ? narrow_f16c(to, from, n) : 0;
  for (; i < n; i++) to[i] = gt_to_f16(from[i]);
}

/* Towards zero; the lowest number for NaN and for what lies out of range. */
static inline int64_t truncated(double x) {
  return x >= -0x1p63 && x < 0x1p63 ? (int64_t)x : INT64_MIN;
}

static inline int64_t truncated_i32(double x) {
  return x > -2147483649.0 && x < 2147483648.0 ? (int64_t)x : INT32_MIN;
}

/* The type through which elements of this one travel. */
static gt_dtype wide(gt_dtype dtype) {
  if (!gt_dtype_is_float(dtype)) return GT_I64;
  return dtype == GT_F64 ? GT_F64 : GT_F32;
}

static void widen(void *to, const void *from, gt_dtype dtype, int64_t n) {
  int64_t *to_i64 = to;
  switch (dtype) {
#define INTEGER(NAME, type)                                                                        \
  case GT_##NAME:                                                                                  \
    for (int64_t i = 0; i < n; i++) to_i64[i] = ((const type *)from)[i];                           \
    break;
    INTEGER(I32, int32_t)
    INTEGER(I16, int16_t)
    INTEGER(I8, int8_t)
    INTEGER(U8, uint8_t)
    INTEGER(U16, uint16_t)
#undef INTEGER
  case GT_BOOL:
    for (int64_t i = 0; i < n; i++) to_i64[i] = ((const uint8_t *)from)[i] != 0;
    break;
  case GT_BF16:
    for (int64_t i = 0; i < n; i++) ((float *)to)[i] = gt_from_bf16(((const uint16_t *)from)[i]);
    break;
  case GT_F16:
    widen_f16(to, from, n);
    break;
  default:
    memcpy(to, from, (size_t)n * entries[dtype].size);
  }
}

/* Stores x[0 … n-1] as `dtype`; WHOLE(x) and WHOLE_I32(x) are x as an integer. */
#define STORE(type, expression)                                                                    \
  for (int64_t i = 0; i < n; i++) ((type *)to)[i] = (type)(expression);                            \
  break
#define NARROW(function, source, WHOLE, WHOLE_I32)                                                 \
  static void function(void *to, gt_dtype dtype, const source *x, int64_t n) {                     \
    switch (dtype) {                                                                               \
    case GT_F64:                                                                                   \
      STORE(double, x[i]);                                                                         \
    case GT_F32:                                                                                   \
      STORE(float, x[i]);                                                                          \
    case GT_BF16:                                                                                  \
      STORE(uint16_t, gt_to_bf16((float)x[i]));                                                    \
    case GT_F16:                                                                                   \
      STORE(uint16_t, gt_to_f16((float)x[i]));                                                     \
    case GT_I64:                                                                                   \
      STORE(int64_t, WHOLE(x[i]));                                                                 \
    case GT_I32:                                                                                   \
      STORE(int32_t, WHOLE_I32(x[i]));                                                             \
    case GT_I16:                                                                                   \
      STORE(int16_t, WHOLE(x[i]));                                                                 \
    case GT_I8:                                                                                    \
      STORE(int8_t, WHOLE(x[i]));                                                                  \
    case GT_U8:                                                                                    \
      STORE(uint8_t, WHOLE(x[i]));                                                                 \
    case GT_U16:                                                                                   \
      STORE(uint16_t, WHOLE(x[i]));                                                                \
    default:                                                                                       \
      STORE(uint8_t, x[i] != 0);                                                                   \
    }                                                                                              \
  }
#define ITSELF(x) (x)
NARROW(narrow_i64, int64_t, ITSELF, ITSELF)
NARROW(narrow_f32, float, truncated, truncated_i32)
NARROW(narrow_f64, double, truncated, truncated_i32)

static void narrow(void *to, gt_dtype dtype, const void *from, gt_dtype via, int64_t n) {
  if (via == GT_I64)
    narrow_i64(to, dtype, from, n);
  else if (via == GT_F32 && dtype == GT_F16)
    narrow_f16(to, from, n);
  else if (via == GT_F32)
    narrow_f32(to, dtype, from, n);
  else
    narrow_f64(to, dtype, from, n);
}

GT_CLONES void gt_convert(void *to, gt_dtype to_dtype, const void *from, gt_dtype from_dtype,
                          int64_t n) {
  if (n == 0) return;
  gt_dtype via = wide(from_dtype);
  if (to_dtype == from_dtype && to_dtype != GT_BOOL) {
    memcpy(to, from, (size_t)n * entries[to_dtype].size);
  } else if (to_dtype == via) {
    widen(to, from, from_dtype, n);
  } else if (from_dtype == via) {
    narrow(to, to_dtype, from, via, n);
  } else {
    double block[BLOCK]; /* room for any of the three */
    for (int64_t begin = 0; begin < n; begin += BLOCK) {
      int64_t count = n - begin < BLOCK ? n - begin : BLOCK;
      widen(block, (const char *)from + (size_t)begin * entries[from_dtype].size, from_dtype,
            count);
      narrow((char *)to + (size_t)begin * entries[to_dtype].size, to_dtype, block, via, count);
    }
  }
}

void gt_dtype_range(gt_dtype dtype, int64_t *low, int64_t *high) {
  int bits = 8 * (int)entries[dtype].size;
  bool is_signed = entries[dtype].kind == 'i';
  *low = is_signed ? -((int64_t)1 << (bits - 2)) * 2 : 0;
  *high = is_signed ? -(*low + 1) : dtype == GT_BOOL ? 1 : ((int64_t)1 << bits) - 1;
}

bool gt_dtype_holds(gt_dtype dtype, gt_scalar x) {
  char stored[8];
  double back;
  int64_t low, high;
  if (gt_dtype_is_float(dtype)) {
    gt_convert(stored, dtype, &x.f, GT_F64, 1);
    gt_convert(&back, GT_F64, stored, dtype, 1);
    return !isinf(back) || isinf(x.f);
  }
  if (dtype == GT_BOOL) return true;
  if (!x.whole && !(x.f >= -0x1p63 && x.f < 0x1p63)) return false;
  int64_t i = x.whole ? x.i : (int64_t)x.f;
  gt_dtype_range(dtype, &low, &high);
  return i >= low && i <= high;
}

bool gt_dtype_counts_to(gt_dtype dtype, int64_t x) {
  static const int digits[GT_NDTYPE] = {[GT_F64] = 53, [GT_F32] = 24, [GT_BF16] = 8, [GT_F16] = 11};
  int64_t low = -((int64_t)1 << digits[dtype]), high = -low;
  if (!gt_dtype_is_float(dtype)) gt_dtype_range(dtype, &low, &high);
  return x >= low && x <= high;
}

void gt_store_scalar(void *to, gt_dtype dtype, gt_scalar x) {
  if (x.whole && !gt_dtype_is_float(dtype))
    gt_convert(to, dtype, &x.i, GT_I64, 1);
  else
    gt_convert(to, dtype, &x.f, GT_F64, 1);
}
