/* dtype.c: names, promotion and ranges of element types; single numbers. */
#include "core/tensor/dtype.h"

#include <math.h>

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

void gt_dtype_range(gt_dtype dtype, int64_t *low, int64_t *high) {
  int bits = 8 * (int)entries[dtype].size;
  bool is_signed = entries[dtype].kind == 'i';
  *low = is_signed ? -((int64_t)1 << (bits - 2)) * 2 : 0;
  *high = is_signed ? -(*low + 1) : dtype == GT_BOOL ? 1 : ((int64_t)1 << bits) - 1;
}

bool gt_dtype_holds(gt_dtype dtype, gt_scalar x) {
  char stored[8];
  int64_t low, high;
  if (gt_dtype_is_float(dtype)) {
    gt_store_scalar(stored, dtype, x);
    return !isinf(gt_load_scalar(stored, dtype).f) || isinf(x.f);
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

typedef union element {
  double f64;
  float f32;
  uint16_t u16;
  int64_t i64;
  int32_t i32;
  int16_t i16;
  int8_t i8;
  uint8_t u8;
} element;

static double load_float(const element *e, gt_dtype dtype) {
  switch (dtype) {
  case GT_F64:
    return e->f64;
  case GT_F32:
    return (double)e->f32;
  case GT_BF16:
    return (double)gt_from_bf16(e->u16);
  default:
    return (double)gt_from_f16(e->u16);
  }
}

static int64_t load_integer(const element *e, gt_dtype dtype) {
  switch (dtype) {
  case GT_I64:
    return e->i64;
  case GT_I32:
    return e->i32;
  case GT_I16:
    return e->i16;
  case GT_I8:
    return e->i8;
  case GT_U16:
    return e->u16;
  case GT_U8:
    return e->u8;
  default:
    return e->u8 != 0;
  }
}

gt_scalar gt_load_scalar(const void *from, gt_dtype dtype) {
  element e;
  memcpy(&e, from, entries[dtype].size);
  if (!gt_dtype_is_float(dtype)) return gt_scalar_whole(load_integer(&e, dtype));
  double f = load_float(&e, dtype);
  return (gt_scalar){.whole = false, .i = gt_truncated(f), .f = f};
}

static void store_float(element *e, gt_dtype dtype, double f) {
  if (dtype == GT_F64)
    e->f64 = f;
  else if (dtype == GT_F32)
    e->f32 = (float)f;
  else
    e->u16 = dtype == GT_BF16 ? gt_to_bf16((float)f) : gt_to_f16((float)f);
}

void gt_store_scalar(void *to, gt_dtype dtype, gt_scalar x) {
  element e;
  int64_t i = x.whole ? x.i : dtype == GT_I32 ? gt_truncated_i32(x.f) : gt_truncated(x.f);
  if (gt_dtype_is_float(dtype))
    store_float(&e, dtype, x.f);
  else if (dtype == GT_BOOL)
    e.u8 = x.whole ? x.i != 0 : x.f != 0;
  else
    e.i64 = i; /* of a narrower integer its low bits: this house is little-endian */
  memcpy(to, &e, entries[dtype].size);
}
