/* drop.h: masks of dropout: word i of a random stream (rng.h) drops element i when it is below
 * p 2^32; the others are multiplied by 1 / (1 - p). */
#ifndef real
#ifndef GT_DROP_H
#define GT_DROP_H

#include "core/tensor/rng.h"
#include "kernels/cpu/cpu.h"

typedef struct gt_drop {
  bool on;
  uint64_t seed, stream;
  uint32_t threshold; /* words below drop their element */
  double scale;
} gt_drop;

static inline gt_drop gt_drop_of(double p, int64_t seed, int64_t stream) {
  return (gt_drop){.on = p > 0,
                   .seed = (uint64_t)seed,
                   .stream = (uint64_t)stream,
                   .threshold = (uint32_t)(p * 0x1p32),
                   .scale = 1 / (1 - p)};
}

#define GT_TYPED "kernels/cpu/drop.h"
#include "kernels/op/typed.h"

#endif
#else

/* Drops among the n elements x, which are elements first ... first + n - 1 of the whole. */
static inline void T(gt_drop_row)(const gt_drop *d, int64_t first, real *x, int64_t n) {
  real scale = (real)d->scale;
  uint32_t word[4];
  for (int64_t i = 0; i < n; i++) {
    int64_t at = first + i;
    if (i == 0 || at % 4 == 0) gt_philox(d->seed, d->stream, (uint64_t)at / 4, word);
    x[i] = word[at % 4] >= d->threshold ? x[i] * scale : 0;
  }
}

#endif
