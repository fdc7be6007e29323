/* bf16.h: products of bf16 matrices with sums in f32, on CPUs with instructions for them: tiles
 * (AMX, amx.h) or pairs (AVX512_BF16); GT_BF16_PRODUCTS says whether this level has any.
 *
 *   C (GT_BF16_ROWS, 32) = or += A (GT_BF16_ROWS, K) B (K, 32)
 *
 * A is read where it lies, two neighbouring k of a row at a time.  B comes as panels of 32 columns
 * with two neighbouring k side by side, k in the low half.  K is a multiple of GT_BF16_UNIT: where
 * there is no such k or column, A and B are filled up with zeros. */
#ifndef GT_BF16_H
#define GT_BF16_H

#include "kernels/cpu/functions.h"
#include "kernels/cpu/tile.h"

/* x, and 0 for what is smaller than 2^-126, as the instructions take and give numbers. */
static inline float gt_bf16_flush(float x) {
  uint32_t bits = gt_bits_of_float(x);
  return gt_float_of_bits((bits & 0x7f800000u) == 0 ? bits & 0x80000000u : bits);
}

#if defined __AMX_BF16__ || defined GT_AMX_EMULATED
#define GT_BF16_PRODUCTS 1
#include "kernels/cpu/amx.h"
#elif defined __AVX512BF16__
#define GT_BF16_PRODUCTS 1
#include "kernels/cpu/bf16_pairs.h"
#else
#define GT_BF16_PRODUCTS 0
#endif

#if GT_BF16_PRODUCTS

enum { GT_BF16_COLUMNS = 32, GT_BF16_LANES = gt_tile_n_f32 / 2 /* of a vector of f32 */ };

/* ---- vectors of bf16 numbers, in f32 ---- */

static inline gt_vector_f32 gt_bf16_widen(const uint16_t *x) {
#ifdef __AVX512F__
  __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)x));
  return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
#else
  gt_vector_f32 wide = {0}; /* gcc 12 does not see that all lanes are set */
  for (int i = 0; i < GT_BF16_LANES; i++) wide[i] = gt_from_bf16(x[i]);
  return wide;
#endif
}

/* x rounded. */
static inline uint16_t gt_bf16_of(float x) { return gt_to_bf16(gt_bf16_flush(x)); }

static inline void gt_bf16_store(uint16_t *to, gt_vector_f32 x) {
#ifdef __AVX512BF16__
  _mm256_storeu_si256((__m256i *)to, (__m256i)_mm512_cvtneps_pbh(x));
#else
  for (int i = 0; i < GT_BF16_LANES; i++) to[i] = gt_bf16_of(x[i]);
#endif
}

/* x rounded to bf16, still in f32. */
static inline gt_vector_f32 gt_bf16_round(gt_vector_f32 x) {
#ifdef __AVX512BF16__
  __m512i wide = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(x));
  return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
#else
  for (int i = 0; i < GT_BF16_LANES; i++) x[i] = gt_from_bf16(gt_bf16_of(x[i]));
  return x;
#endif
}

static inline gt_vector_f32 gt_f32_load(const float *x) { return *(const gt_vector_f32 *)x; }
static inline void gt_f32_store(float *to, gt_vector_f32 x) { *(gt_vector_f32 *)to = x; }

/* to (columns, rows) = the transpose of x (rows, columns), multiples of GT_BF16_LANES. */
static inline void gt_bf16_transpose_f32(const float *x, int64_t rows, int64_t columns, float *to) {
  enum { n = GT_BF16_LANES };
  for (int64_t r = 0; r < rows; r += n) {
    for (int64_t c = 0; c < columns; c += n) {
      gt_vector_f32 v[n];
      for (int i = 0; i < n; i++) v[i] = gt_f32_load(x + (r + i) * columns + c);
      gt_transpose_f32(v);
      for (int i = 0; i < n; i++) gt_f32_store(to + (c + i) * rows + r, v[i]);
    }
  }
}

/* to = or += factor x, n numbers. */
static inline void gt_bf16_store_row(uint16_t *to, const float *x, int64_t n, float factor,
                                     bool add) {
  int64_t whole = n - n % GT_BF16_LANES;
  for (int64_t i = 0; i < whole; i += GT_BF16_LANES) {
    gt_vector_f32 value = factor * gt_f32_load(x + i);
    if (add) value += gt_bf16_widen(to + i);
    gt_bf16_store(to + i, value);
  }
  for (int64_t i = whole; i < n; i++)
    to[i] = gt_bf16_of((add ? gt_from_bf16(to[i]) : 0) + factor * x[i]);
}

/* ---- packing ---- */

/* Two rows of numbers, k and k + 1 (NULL: zeros), as n pairs, and zeros up to `end`. */
static inline void gt_bf16_pair_rows(const uint16_t *even, const uint16_t *odd, int64_t n,
                                     int64_t end, uint32_t *to) {
  if (odd != NULL) {
    for (int64_t i = 0; i < n; i++) to[i] = even[i] | (uint32_t)odd[i] << 16;
  } else {
    for (int64_t i = 0; i < n; i++) to[i] = even != NULL ? even[i] : 0;
  }
  for (int64_t i = n; i < end; i++) to[i] = 0;
}

/* B (depth, columns), its rows ld apart, as panels (depth / 2, 32) of pairs. */
static inline void gt_bf16_pack(const uint16_t *b, int64_t ld, int64_t depth, int64_t columns,
                                uint32_t *panels) {
  int64_t end = gt_round_up(depth, GT_BF16_UNIT);
  for (int64_t first = 0; first < columns; first += GT_BF16_COLUMNS) {
    int64_t width = gt_min(GT_BF16_COLUMNS, columns - first);
    for (int64_t k = 0; k < end; k += 2, panels += GT_BF16_COLUMNS) {
      const uint16_t *row = b + k * ld + first;
      const uint16_t *even = k < depth ? row : NULL, *odd = k + 1 < depth ? row + ld : NULL;
      if (width == GT_BF16_COLUMNS)
        gt_bf16_pair_rows(even, odd, GT_BF16_COLUMNS, GT_BF16_COLUMNS, panels);
      else
        gt_bf16_pair_rows(even, odd, width, GT_BF16_COLUMNS, panels);
    }
  }
}

/* A square of vectors of pairs: GT_BF16_LANES rows of x, which have 2 GT_BF16_LANES numbers or `n`
 * and then zeros; there are `rows` of them, and then zeros.  Each vector is a row. */
static inline void gt_bf16_load_square(const uint16_t *x, int64_t ld, int64_t rows, int64_t n,
                                       gt_vector_f32 v[GT_BF16_LANES]) {
  if (rows >= GT_BF16_LANES && n >= 2 * GT_BF16_LANES) {
    for (int i = 0; i < GT_BF16_LANES; i++) memcpy(&v[i], x + i * ld, sizeof v[i]);
    return;
  }
  memset(v, 0, GT_BF16_LANES * sizeof *v);
  size_t bytes = (size_t)gt_max(0, gt_min(n, 2 * GT_BF16_LANES)) * sizeof *x;
  for (int64_t i = 0; i < gt_min(rows, GT_BF16_LANES); i++) memcpy(&v[i], x + i * ld, bytes);
}

/* The same panels of B = x^T, x (columns, depth). */
static inline void gt_bf16_pack_transposed(const uint16_t *x, int64_t ld, int64_t depth,
                                           int64_t columns, uint32_t *panels) {
  enum { n = GT_BF16_LANES, wide = GT_BF16_COLUMNS };
  int64_t pairs = gt_round_up(depth, GT_BF16_UNIT) / 2;
  for (int64_t first = 0; first < gt_round_up(columns, wide); first += n) {
    uint32_t *to = panels + first / wide * pairs * wide + first % wide;
    for (int64_t k = 0; k < pairs; k += n) {
      gt_vector_f32 v[n];
      gt_bf16_load_square(x + first * ld + 2 * k, ld, columns - first, depth - 2 * k, v);
      gt_transpose_f32(v);
      for (int64_t i = 0; i < gt_min(n, pairs - k); i++)
        memcpy(to + (k + i) * wide, &v[i], sizeof v[i]);
    }
  }
}

/* Rows (columns, depth) of x^T, to_row apart, of x (depth, columns); filled up with zeros to
 * depth's unit. */
static inline void gt_bf16_transpose(const uint16_t *x, int64_t ld, int64_t depth, int64_t columns,
                                     uint16_t *to, int64_t to_row) {
  enum { n = GT_BF16_LANES };
  int64_t end = gt_round_up(depth, GT_BF16_UNIT);
  for (int64_t k = 0; k < end; k += 2 * n) {
    for (int64_t first = 0; first < columns; first += n) {
      _Alignas(64) uint32_t pairs[n][n];
      gt_vector_f32 v[n];
      int64_t width = gt_min(n, columns - first);
      for (int64_t i = 0; i < n; i++) {
        int64_t row = k + 2 * i;
        const uint16_t *from = x + row * ld + first;
        const uint16_t *even = row < depth ? from : NULL, *odd = row + 1 < depth ? from + ld : NULL;
        if (width == n)
          gt_bf16_pair_rows(even, odd, n, n, pairs[i]);
        else
          gt_bf16_pair_rows(even, odd, width, n, pairs[i]);
        memcpy(&v[i], pairs[i], sizeof v[i]);
      }
      gt_transpose_f32(v);
      size_t bytes = (size_t)gt_min(2 * n, end - k) * sizeof *to;
      for (int64_t i = 0; i < width; i++) memcpy(to + (first + i) * to_row + k, &v[i], bytes);
    }
  }
}

#endif
#endif
