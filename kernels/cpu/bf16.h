/* bf16.h: products of bf16 matrices with sums in f32, on CPUs that multiply pairs of bf16 numbers
 * (AVX512_BF16); GT_BF16_PRODUCTS says whether this one does.  The same scheme as tile.h: A is read
 * by broadcast, B comes as panels of 32 columns, here with two neighbouring k side by side, k in
 * the low half; where there is no k + 1 or no such column a panel is filled up with zeros. */
#ifndef GT_BF16_H
#define GT_BF16_H

#ifdef __AVX512BF16__
#define GT_BF16_PRODUCTS 1

#include "kernels/cpu/tile.h"

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

/* Two rows of numbers, k and k + 1 (`odd` NULL: zeros), as n pairs, and zeros up to `end`. */
static inline void gt_bf16_pair_rows(const uint16_t *even, const uint16_t *odd, int64_t n,
                                     int64_t end, uint32_t *to) {
  if (odd != NULL) {
    for (int64_t i = 0; i < n; i++) to[i] = even[i] | (uint32_t)odd[i] << 16;
  } else {
    for (int64_t i = 0; i < n; i++) to[i] = even[i];
  }
  for (int64_t i = n; i < end; i++) to[i] = 0;
}

/* n numbers of one row, one k after the other, as pairs. */
static inline void gt_bf16_pair_along(const uint16_t *x, int64_t n, uint32_t *to) {
  if (n % 2 != 0) to[n / 2] = 0;
  memcpy(to, x, (size_t)n * sizeof *x);
}

/* B (depth, columns), its rows ld apart, as panels (depth / 2, GT_BF16_COLUMNS) of pairs. */
static inline void gt_bf16_pack(const uint16_t *b, int64_t ld, int64_t depth, int64_t columns,
                                uint32_t *panels) {
  for (int64_t first = 0; first < columns; first += GT_BF16_COLUMNS) {
    int64_t width = gt_min(GT_BF16_COLUMNS, columns - first);
    for (int64_t k = 0; k < depth; k += 2, panels += GT_BF16_COLUMNS) {
      const uint16_t *even = b + k * ld + first, *odd = k + 1 < depth ? even + ld : NULL;
      if (width == GT_BF16_COLUMNS)
        gt_bf16_pair_rows(even, odd, GT_BF16_COLUMNS, GT_BF16_COLUMNS, panels);
      else
        gt_bf16_pair_rows(even, odd, width, GT_BF16_COLUMNS, panels);
    }
  }
}

/* The same of B = x^T, x (columns, depth): 16 columns by as many pairs are transposed at a time. */
static inline void gt_bf16_pack_transposed(const uint16_t *x, int64_t ld, int64_t depth,
                                           int64_t columns, uint32_t *panels) {
  int64_t pairs = (depth + 1) / 2;
  for (int64_t first = 0; first < gt_round_up(columns, GT_BF16_COLUMNS); first += 16) {
    uint32_t *to =
        panels + first / GT_BF16_COLUMNS * pairs * GT_BF16_COLUMNS + first % GT_BF16_COLUMNS;
    for (int64_t k = 0; k < depth; k += 32) {
      int64_t n = gt_min(32, depth - k);
      gt_vector_f32 v[16];
      if (n == 32 && columns - first >= 16) {
        for (int i = 0; i < 16; i++) v[i] = _mm512_loadu_ps(x + (first + i) * ld + k);
      } else {
        _Alignas(64) uint32_t rows[16][16] = {0};
        for (int64_t i = 0; i < gt_min(16, columns - first); i++)
          gt_bf16_pair_along(x + (first + i) * ld + k, n, rows[i]);
        for (int i = 0; i < 16; i++) v[i] = *(const gt_vector_f32 *)rows[i];
      }
      gt_transpose_f32(v);
      for (int64_t i = 0; i < (n + 1) / 2; i++)
        *(gt_vector_f32 *)(to + (k / 2 + i) * GT_BF16_COLUMNS) = v[i];
    }
  }
}

#else
#define GT_BF16_PRODUCTS 0
#endif

#endif
