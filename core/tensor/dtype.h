/* dtype.h: the element types, their names, sizes and promotion.
 *
 * Dtypes are run-time values.  Arithmetic happens in f32, f64 or i64 only (kernels/); everything
 * else is a storage form that is widened and narrowed.  bf16 and f16 round to nearest even.  Arrays
 * are converted by backends (backend.h), single numbers here.
 */
#ifndef GT_DTYPE_H
#define GT_DTYPE_H

#include "core/tensor/element.h"

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

/* The dtype of an arithmetic result, by PyTorch's promotion lattice.  Wrapped numbers are left to
 * gt_result_type(). */
gt_dtype gt_dtype_promote(gt_dtype a, gt_dtype b);

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
/* One element as a number, and a number as one element. */
gt_scalar gt_load_scalar(const void *from, gt_dtype dtype);
void gt_store_scalar(void *to, gt_dtype dtype, gt_scalar x);

#endif
