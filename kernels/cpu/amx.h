/* amx.h: bf16.h's product by AMX: tile registers of 16 rows by 64 bytes, and an instruction that
 * multiplies A (16, 32) with B (32, 16), bf16, and adds to C (16, 16), f32.
 *
 * Per element, for the 16 pairs of k (Intel 64 Software Developer's Manual, TDPBF16PS):
 *
 *   even, odd = 0;  even += a[2 p] b[2 p],  odd += a[2 p + 1] b[2 p + 1]  for p = 0 … 15
 *   c += even + odd
 *
 * every += fused and rounded to nearest, with numbers below 2^-126 taken and given as 0.  With
 * GT_AMX_EMULATED the same is done in C, with the same bits. */
#ifndef GT_AMX_H
#define GT_AMX_H

#include "kernels/cpu/tile.h"

enum {
  GT_BF16_ROWS = 32,
  GT_BF16_UNIT = 32,
  GT_BF16_PASS = 256,     /* k: 16 KiB of A and as many of B stay in the first-level cache */
  GT_BF16_SPLITS = 1,     /* three products of halves of f32 numbers are faster than one of f32 */
  GT_BF16_READS_ROWS = 0, /* A is read faster from a copy whose rows share no sets of the cache */
};

#ifndef GT_AMX_EMULATED

/* Around the calls of gt_bf16_tile on a thread: the system has to save the tiles of those that use
 * them. */
static inline void gt_bf16_begin(void) {
  static const struct {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
  } _Alignas(64) tiles = {.palette = 1,
                          .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64},
                          .rows = {16, 16, 16, 16, 16, 16, 16, 16}};
  _tile_loadconfig(&tiles);
}

static inline void gt_bf16_end(void) { _tile_release(); }

/* A's rows are a_row apart, c's ldc.  Tiles 0 … 3 are C's quarters, 4 and 5 A's, 6 and 7 B's. */
static inline void gt_bf16_tile(const uint16_t *a, int64_t a_row, const uint16_t *panel, int64_t K,
                                float *c, int64_t ldc, bool add) {
  const size_t a_step = (size_t)a_row * sizeof *a, c_step = (size_t)ldc * sizeof *c;
  float *lower = c + 16 * ldc;
  if (add) {
    _tile_loadd(0, c, c_step);
    _tile_loadd(1, c + 16, c_step);
    _tile_loadd(2, lower, c_step);
    _tile_loadd(3, lower + 16, c_step);
  } else {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  }
  for (int64_t k = 0; k < K; k += 32, a += 32, panel += 32 * 32) {
    _tile_loadd(6, panel, 128);
    _tile_loadd(4, a, a_step);
    _tile_dpbf16ps(0, 4, 6);
    _tile_loadd(7, panel + 32, 128);
    _tile_dpbf16ps(1, 4, 7);
    _tile_loadd(5, a + 16 * a_row, a_step);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
  _tile_stored(0, c, c_step);
  _tile_stored(1, c + 16, c_step);
  _tile_stored(2, lower, c_step);
  _tile_stored(3, lower + 16, c_step);
}

#else

static inline void gt_bf16_begin(void) {}
static inline void gt_bf16_end(void) {}

static inline void gt_bf16_tile(const uint16_t *a, int64_t a_row, const uint16_t *panel, int64_t K,
                                float *c, int64_t ldc, bool add) {
  for (int i = 0; i < GT_BF16_ROWS; i++) {
    float sum[32];
    for (int n = 0; n < 32; n++) sum[n] = add ? c[i * ldc + n] : 0;
    for (int64_t k = 0; k < K; k += 32) {
      float even[32] = {0}, odd[32] = {0};
      for (int p = 0; p < 16; p++) {
        const uint16_t *pair = a + i * a_row + k + 2 * p, *b = panel + (k + 2 * p) * 32;
        float first = gt_bf16_flush(gt_from_bf16(pair[0]));
        float second = gt_bf16_flush(gt_from_bf16(pair[1]));
        for (int n = 0; n < 32; n++) {
          float b_first = gt_bf16_flush(gt_from_bf16(b[2 * n]));
          float b_second = gt_bf16_flush(gt_from_bf16(b[2 * n + 1]));
          even[n] = gt_bf16_flush(fmaf(first, b_first, even[n]));
          odd[n] = gt_bf16_flush(fmaf(second, b_second, odd[n]));
        }
      }
      for (int n = 0; n < 32; n++)
        sum[n] = gt_bf16_flush(gt_bf16_flush(sum[n]) + gt_bf16_flush(even[n] + odd[n]));
    }
    for (int n = 0; n < 32; n++) c[i * ldc + n] = sum[n];
  }
}

#endif
#endif
