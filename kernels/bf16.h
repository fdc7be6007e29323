/* bf16.h: products of bf16 matrices with sums in f32, on CPUs that multiply pairs of bf16 numbers
 * (AVX512_BF16); GT_BF16_PRODUCTS says whether this one does.  The same scheme as tile.h: A is read
 * by broadcast, B comes as panels of 32 columns, here with two neighbouring k side by side.
 * All sizes are multiples of 32; matrices are padded with zeros. */
#ifndef GT_BF16_H
#define GT_BF16_H

#ifdef __AVX512BF16__
#define GT_BF16_PRODUCTS 1

#include "kernels/tile.h"

enum { GT_BF16_ROWS = 8, GT_BF16_COLUMNS = 32 };

static inline __m512 gt_bf16_widen(const uint16_t *x) {
  __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)x));
  return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
}

static inline void gt_bf16_store(uint16_t *to, __m512 x) {
  _mm256_storeu_si256((__m256i *)to, (__m256i)_mm512_cvtneps_pbh(x));
}

/* x rounded to bf16, still in f32. */
static inline __m512 gt_bf16_round(__m512 x) {
  __m512i wide = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(x));
  return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
}

/* C (8, 32) = or += A (8, K) B (K, 32): a's rows are a_row apart, its pairs a_k (2 when they lie
 * one after the other), c's rows ldc; K is even. */
static inline void gt_bf16_tile(const uint16_t *a, int64_t a_row, int64_t a_k,
                                const uint16_t *panel, int64_t K, float *c, int64_t ldc, bool add) {
  __m512 sum[GT_BF16_ROWS][2];
  for (int i = 0; i < GT_BF16_ROWS; i++) {
    for (int v = 0; v < 2; v++)
      sum[i][v] = add ? _mm512_loadu_ps(c + i * ldc + 16 * v) : _mm512_setzero_ps();
  }
  for (int64_t k = 0; k < K; k += 2, a += a_k, panel += 2 * GT_BF16_COLUMNS) {
    __m512bh left = (__m512bh)_mm512_loadu_si512(panel);
    __m512bh right = (__m512bh)_mm512_loadu_si512(panel + GT_BF16_COLUMNS);
    for (int i = 0; i < GT_BF16_ROWS; i++) {
      int32_t pair;
      memcpy(&pair, a + i * a_row, sizeof pair);
      __m512bh both = (__m512bh)_mm512_set1_epi32(pair);
      sum[i][0] = _mm512_dpbf16_ps(sum[i][0], both, left);
      sum[i][1] = _mm512_dpbf16_ps(sum[i][1], both, right);
    }
  }
  for (int i = 0; i < GT_BF16_ROWS; i++) {
    for (int v = 0; v < 2; v++) _mm512_storeu_ps(c + i * ldc + 16 * v, sum[i][v]);
  }
}

/* 32 columns of x (K, ...), rows ld apart, as a panel of B = x. */
static inline void gt_bf16_pack(const uint16_t *x, int64_t ld, int64_t K, uint16_t *panel) {
  for (int64_t k = 0; k < K; k += 2, panel += 2 * GT_BF16_COLUMNS) {
    const uint16_t *even = x + k * ld, *odd = even + ld;
    for (int i = 0; i < GT_BF16_COLUMNS; i++) {
      panel[2 * i] = even[i];
      panel[2 * i + 1] = odd[i];
    }
  }
}

/* 32 rows of x (..., K) as a panel of B = x^T; pairs move as one 32-bit number. */
static inline void gt_bf16_pack_transposed(const uint16_t *x, int64_t ld, int64_t K,
                                           uint16_t *panel) {
  for (int half = 0; half < 2; half++, x += 16 * ld) {
    for (int64_t k = 0; k < K; k += 32) {
      gt_vector_f32 v[16];
      for (int i = 0; i < 16; i++) v[i] = _mm512_loadu_ps(x + i * ld + k);
      gt_transpose_f32(v);
      for (int i = 0; i < 16; i++)
        _mm512_storeu_ps(panel + (k + 2 * i) * GT_BF16_COLUMNS + 32 * half, v[i]);
    }
  }
}

#else
#define GT_BF16_PRODUCTS 0
#endif

#endif
