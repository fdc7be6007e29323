/* bf16_pairs.h: bf16.h's product by VDPBF16PS, which multiplies 16 pairs of bf16 numbers. */
#ifndef GT_BF16_PAIRS_H
#define GT_BF16_PAIRS_H

#include "kernels/cpu/tile.h"

enum {
  GT_BF16_ROWS = 8,
  GT_BF16_UNIT = 2,
  GT_BF16_PASS = 1024,    /* k that are multiplied at a time */
  GT_BF16_SPLITS = 0,     /* three products of halves of f32 numbers are slower than one of f32 */
  GT_BF16_READS_ROWS = 1, /* A is read as fast where it lies as from a copy */
};

/* Around the calls of gt_bf16_tile on a thread. */
static inline void gt_bf16_begin(void) {}
static inline void gt_bf16_end(void) {}

/* A's rows are a_row apart, c's ldc. */
static inline void gt_bf16_tile(const uint16_t *a, int64_t a_row, const uint16_t *panel, int64_t K,
                                float *c, int64_t ldc, bool add) {
  __m512 sum[GT_BF16_ROWS][2];
  for (int i = 0; i < GT_BF16_ROWS; i++) {
    for (int v = 0; v < 2; v++)
      sum[i][v] = add ? _mm512_loadu_ps(c + i * ldc + 16 * v) : _mm512_setzero_ps();
  }
  for (int64_t k = 0; k < K; k += 2, a += 2, panel += 64) {
    __m512bh left = (__m512bh)_mm512_loadu_si512(panel);
    __m512bh right = (__m512bh)_mm512_loadu_si512(panel + 32);
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

#endif
