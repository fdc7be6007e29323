/* dtype.h: the element types, their names, sizes, promotion and conversion.
 *
 * Dtypes are run-time values.  Arithmetic happens in f32, f64 or i64 only (kernels/); everything
 * else is a storage form that gt_convert() widens and narrows.  bf16 and f16 round to nearest even.
 */
#ifndef GT_DTYPE_H
#define GT_DTYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* X(name, bytes, kind, PyTorch's name, safetensors' name); kind: 'f' float, 'i' signed, 'u'
 * unsigned, 'b' bool */
#define GT_DTYPE_LIST(X)                                                                           \
  X(F64, f64, 8, 'f', "float64", "F64")                                                            \
  X(F32, f32, 4, 'f', "float32", "F32")                                                            \
  X(BF16, bf16, 2, 'f', "bfloat16", "BF16")                                                        \
  X(F16, f16, 2, 'f', "float16", "F16")                                                            \
  X(I64, i64, 8, 'i', "int64", "I64")                                                              \
  X(I32, i32, 4, 'i', "int32", "I32")                                                              \
  X(I16, i16, 2, 'i', "int16", "I16")                                                              \
  X(I8, i8, 1, 'i', "int8", "I8")                                                                  \
  X(U8, u8, 1, 'u', "uint8", "U8")                                                                 \
  X(U16, u16, 2, 'u', "uint16", "U16")                                                             \
  X(BOOL, bool, 1, 'b', "bool", "BOOL")

typedef enum gt_dtype {
#define X(NAME, name, bytes, kind, torch, safetensors) GT_##NAME,
  GT_DTYPE_LIST(X)
#undef X
      GT_NDTYPE
} gt_dtype;

size_t gt_dtype_size(gt_dtype dtype);       /* bytes of one element */
const char *gt_dtype_name(gt_dtype dtype);  /* "float32", as PyTorch spells it after "torch." */
const char *gt_dtype_short(gt_dtype dtype); /* "f32" */
const char *gt_dtype_safetensors(gt_dtype dtype); /* "F32" */
bool gt_dtype_is_float(gt_dtype dtype);
bool gt_dtype_is_half(gt_dtype dtype); /* bf16 or f16: computed in f32 */

/* Accepts "f32", "float32", "torch.float32", "float", "double", "half", "long", "int", "short",
 * "byte"; false if unknown. */
bool gt_dtype_parse(const char *text, gt_dtype *out);

/* The dtype of an arithmetic result, by PyTorch's promotion lattice (no weak scalars here: run.c
 * sees to those). */
gt_dtype gt_dtype_promote(gt_dtype a, gt_dtype b);

/* Converts n elements, each dtype to each, the same on every device.  Floats to integers truncate
 * towards zero; NaN, infinities and what lies out of range give the lowest i64 or i32, as PyTorch
 * does on x86.  To narrower integers all numbers go through i64 and keep its low bits.  Anything to
 * bool is "not zero". */
void gt_convert(void *to, gt_dtype to_dtype, const void *from, gt_dtype from_dtype, int64_t n);

static inline float gt_from_bf16(uint16_t h) {
  uint32_t u = (uint32_t)h << 16;
  float x;
  memcpy(&x, &u, sizeof x);
  return x;
}

static inline uint16_t gt_to_bf16(float x) {
  uint32_t u;
  memcpy(&u, &x, sizeof u);
  uint32_t rounded = (u + 0x7fffu + ((u >> 16) & 1u)) >> 16;
  return (uint16_t)((u & 0x7fffffffu) > 0x7f800000u ? (u >> 16) | 0x40u
                                                    : rounded); /* NaN stays NaN */
}

float gt_from_f16(uint16_t h);
uint16_t gt_to_f16(float x);

/* A number as it came from outside; `f` is it, or near to it where `whole` says that `i` is it. */
typedef struct gt_scalar {
  bool whole;
  int64_t i;
  double f;
} gt_scalar;

static inline gt_scalar gt_scalar_real(double f) {
  return (gt_scalar){.whole = false, .i = 0, .f = f};
}
static inline gt_scalar gt_scalar_whole(int64_t i) {
  return (gt_scalar){.whole = true, .i = i, .f = (double)i};
}

/* False when storing x would wrap (integers) or make a finite number infinite (floats).  Fractions
 * are dropped and digits rounded, as PyTorch does. */
bool gt_dtype_holds(gt_dtype dtype, gt_scalar x);
/* The least and the greatest number of an integer dtype or bool. */
void gt_dtype_range(gt_dtype dtype, int64_t *low, int64_t *high);
/* True when the dtype has every integer from 0 to x. */
bool gt_dtype_counts_to(gt_dtype dtype, int64_t x);
/* Writes x to one element; only what the dtype holds. */
void gt_store_scalar(void *to, gt_dtype dtype, gt_scalar x);

#endif
