/* convert.c: conversion of element types.
 *
 * It goes through the widest type of the source's kind (f32, f64 or i64), in blocks that stay in
 * the first-level cache; one pass where source or target is that type itself. */
#include "kernels/cpu/convert.h"

#ifdef __F16C__
#include <immintrin.h>
#endif

enum { BLOCK = 512 };

static void widen_f16(float *to, const uint16_t *from, int64_t n) {
  int64_t i = 0;
#ifdef __F16C__
  for (; i + 8 <= n; i += 8) {
    __m128i half = _mm_loadu_si128((const __m128i *)(from + i));
    _mm256_storeu_ps(to + i, _mm256_cvtph_ps(half));
  }
#endif
  for (; i < n; i++) to[i] = gt_from_f16(from[i]);
}

static void narrow_f16(uint16_t *to, const float *from, int64_t n) {
  int64_t i = 0;
#ifdef __F16C__
  for (; i + 8 <= n; i += 8) {
    __m128i half = _mm256_cvtps_ph(_mm256_loadu_ps(from + i), _MM_FROUND_TO_NEAREST_INT);
    _mm_storeu_si128((__m128i *)(to + i), half);
  }
#endif
  for (; i < n; i++) to[i] = gt_to_f16(from[i]);
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
    memcpy(to, from, (size_t)n * gt_dtype_size(dtype));
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
NARROW(narrow_f32, float, gt_truncated, gt_truncated_i32)
NARROW(narrow_f64, double, gt_truncated, gt_truncated_i32)

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

void gt_convert(void *to, gt_dtype to_dtype, const void *from, gt_dtype from_dtype, int64_t n) {
  if (n == 0) return;
  gt_dtype via = wide(from_dtype);
  if (to_dtype == from_dtype && to_dtype != GT_BOOL) {
    memcpy(to, from, (size_t)n * gt_dtype_size(to_dtype));
  } else if (to_dtype == via) {
    widen(to, from, from_dtype, n);
  } else if (from_dtype == via) {
    narrow(to, to_dtype, from, via, n);
  } else {
    double block[BLOCK]; /* room for any of the three */
    for (int64_t begin = 0; begin < n; begin += BLOCK) {
      int64_t count = n - begin < BLOCK ? n - begin : BLOCK;
      widen(block, (const char *)from + (size_t)begin * gt_dtype_size(from_dtype), from_dtype,
            count);
      narrow((char *)to + (size_t)begin * gt_dtype_size(to_dtype), to_dtype, block, via, count);
    }
  }
}
