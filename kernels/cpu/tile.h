/* tile.h: the innermost matrix product of the fused kernels, for operands that are in cache.
 *
 *   C (M, N) = or += A (M, K) B (K, N)   with M = GT_TILE_M rows and N = gt_tile_n columns
 *
 * A is read one number at a time with any two strides, so A and its transpose cost the same.  B
 * comes as a panel: K rows of gt_tile_n numbers, contiguous.  Every element is one sequential sum
 * over k with fused multiply-add, then added to C: its bits do not depend on how the rest of the
 * matrix is cut. */
#ifndef real
#ifndef GT_TILE_H
#define GT_TILE_H

#include "kernels/op/arithmetic.h"

#include <string.h>

#ifdef __x86_64__
#include <immintrin.h>
#endif

/* Two vectors of columns by as many rows as leave registers for the operands. */
#ifdef __AVX512F__
#define GT_VECTOR_BYTES 64
#define GT_TILE_M 8
#elif defined __AVX__
#define GT_VECTOR_BYTES 32
#define GT_TILE_M 4
#else
#define GT_VECTOR_BYTES 16
#define GT_TILE_M 4
#endif

enum { gt_tile_n_f32 = 2 * GT_VECTOR_BYTES / 4, gt_tile_n_f64 = 2 * GT_VECTOR_BYTES / 8 };

#define GT_VECTOR(type)                                                                            \
  type __attribute__((vector_size(GT_VECTOR_BYTES), aligned(sizeof(type)), may_alias))
typedef GT_VECTOR(float) gt_vector_f32;
typedef GT_VECTOR(double) gt_vector_f64;

/* a b + c, rounded once where the machine can. */
static inline gt_vector_f32 gt_fma_f32(float a, gt_vector_f32 b, gt_vector_f32 c) {
#if defined(__AVX512F__)
  return _mm512_fmadd_ps(_mm512_set1_ps(a), b, c);
#elif defined(__FMA__)
  return _mm256_fmadd_ps(_mm256_set1_ps(a), b, c);
#else
  return a * b + c;
#endif
}

static inline gt_vector_f64 gt_fma_f64(double a, gt_vector_f64 b, gt_vector_f64 c) {
#if defined(__AVX512F__)
  return _mm512_fmadd_pd(_mm512_set1_pd(a), b, c);
#elif defined(__FMA__)
  return _mm256_fmadd_pd(_mm256_set1_pd(a), b, c);
#else
  return a * b + c;
#endif
}

/* Positions in a pair of vectors, for __builtin_shuffle. */
typedef GT_VECTOR(int32_t) gt_positions_f32;
typedef GT_VECTOR(int64_t) gt_positions_f64;

#define GT_TYPED "kernels/cpu/tile.h"
#include "kernels/op/typed.h"

#endif
#else

/* C's rows are ldc apart; `add` keeps what C holds. */
static inline void T(gt_tile)(const real *a, int64_t a_row, int64_t a_k, const real *panel,
                              int64_t K, real *c, int64_t ldc, bool add) {
  enum { half = T(gt_tile_n) / 2 };
  T(gt_vector) sum[GT_TILE_M][2] = {0};
  for (int i = 0; i < GT_TILE_M; i++) { /* C comes into the cache while the sums are made */
    __builtin_prefetch(c + i * ldc, 1);
    __builtin_prefetch(c + i * ldc + half, 1);
  }
  for (int64_t k = 0; k < K; k++, a += a_k, panel += 2 * half) {
    T(gt_vector) left = *(const T(gt_vector) *)panel, right = *(const T(gt_vector) *)(panel + half);
    for (int i = 0; i < GT_TILE_M; i++) {
      sum[i][0] = T(gt_fma)(a[i * a_row], left, sum[i][0]);
      sum[i][1] = T(gt_fma)(a[i * a_row], right, sum[i][1]);
    }
  }
  for (int i = 0; i < GT_TILE_M; i++) {
    for (int v = 0; v < 2; v++) {
      T(gt_vector) *to = (T(gt_vector) *)(c + i * ldc + v * half);
      if (add) sum[i][v] += *to;
      *to = sum[i][v];
    }
  }
}

/* x (rows, columns) with any strides as the panels of B = x: (ceil(columns / n), rows, n), the last
 * one filled up with zeros. */
static inline void T(gt_pack)(const real *x, int64_t row_step, int64_t column_step, int64_t rows,
                              int64_t columns, real *panels) {
  enum { n = T(gt_tile_n) };
  for (int64_t first = 0; first < columns; first += n) {
    int64_t width = gt_min(columns - first, n);
    for (int64_t r = 0; r < rows; r++, panels += n) {
      const real *from = x + r * row_step + first * column_step;
      if (column_step == 1 && width == n) {
        memcpy(panels, from, n * sizeof(real));
        continue;
      }
      for (int64_t i = 0; i < width; i++) panels[i] = from[i * column_step];
      memset(panels + width, 0, (size_t)(n - width) * sizeof(real));
    }
  }
}

/* Transposes a square of vectors by perfect shuffles: row i and row i + n / 2 are interleaved into
 * rows 2 i and 2 i + 1, log2(n) times. */
static inline void T(gt_transpose)(T(gt_vector) v[]) {
  enum { n = T(gt_tile_n) / 2 };
  T(gt_positions) low = {0}, high = {0};
  for (int i = 0; i < n; i++) {
    low[i] = i / 2 + i % 2 * n;
    high[i] = low[i] + n / 2;
  }
#pragma GCC unroll 4
  for (int stage = 1; stage < n; stage *= 2) {
    T(gt_vector) w[n];
#pragma GCC unroll 8
    for (int i = 0; i < n / 2; i++) {
      w[2 * i] = __builtin_shuffle(v[i], v[i + n / 2], low);
      w[2 * i + 1] = __builtin_shuffle(v[i], v[i + n / 2], high);
    }
#pragma GCC unroll 16
    for (int i = 0; i < n; i++) v[i] = w[i];
  }
}

/* x (rows, columns) as the panels of B = x^T: (ceil(rows / n), columns, n), filled up with zeros.
 */
static inline void T(gt_pack_transposed)(const real *x, int64_t row_step, int64_t column_step,
                                         int64_t rows, int64_t columns, real *panels) {
  enum { n = T(gt_tile_n), half = n / 2 };
  for (int64_t first = 0; first < rows; first += half) {
    int64_t width = gt_min(rows - first, half), k = 0;
    real *to = panels + first / n * n * columns + first % n;
    for (; width == half && column_step == 1 && k + half <= columns; k += half) {
      T(gt_vector) v[half];
#pragma GCC unroll 16
      for (int i = 0; i < half; i++) v[i] = *(const T(gt_vector) *)(x + (first + i) * row_step + k);
      T(gt_transpose)(v);
#pragma GCC unroll 16
      for (int i = 0; i < half; i++) *(T(gt_vector) *)(to + (k + i) * n) = v[i];
    }
    for (; k < columns; k++) {
      for (int64_t i = 0; i < half; i++)
        to[k * n + i] = i < width ? x[(first + i) * row_step + k * column_step] : 0;
    }
  }
  if (rows % n == 0 || rows % n > half) return;
  real *to = panels + rows / n * n * columns + half; /* the other half of the last panel */
  for (int64_t k = 0; k < columns; k++) memset(to + k * n, 0, half * sizeof(real));
}

#endif
