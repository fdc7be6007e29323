/* cross_entropy.h: the arithmetic of one row of logits z (n), for the losses that contain it.
 *
 *   u = cap tanh(z / cap), or z when cap == 0
 *   top = max u, rest = log(sum exp(u - top)), loss = rest - (u[target] - top)
 *   dz = (exp(u - top - rest) - [i == target]) (1 - (u / cap)^2)
 *
 * top and rest are never added up: next to large logits their sum has no digits left for the loss.
 * The sum runs over short blocks with a running maximum, so a row may come in pieces and is read
 * once. */
#ifndef real
#ifndef GT_CROSS_ENTROPY_H
#define GT_CROSS_ENTROPY_H

#include "kernels/cpu/cpu.h"
#include "kernels/op/loss.h"

#include <math.h>

/* Reads input `targets` and checks it: classes [0, classes) or ignore_index.  `counted` receives
 * the number of rows that count. */
gt_status gt_ce_targets(gt_call *c, int targets, int64_t classes, const int64_t **out,
                        int64_t *counted);

/* Reduces the losses of the rows, in the compute dtype, into output 0. */
void gt_ce_reduce(gt_call *c, const void *losses, int64_t rows, int64_t counted);

/* d(loss)/d(loss of a row that counts), for row `row`. */
double gt_ce_scale(const gt_call *c, int64_t row, int64_t counted);

#define GT_TYPED "kernels/cpu/cross_entropy.h"
#include "kernels/op/typed.h"

#endif
#else
#include "kernels/cpu/lanes.h"

enum { T(CE_BLOCK) = 256 };

static inline real T(gt_ce_capped)(real z, real cap) {
  return cap > 0 ? cap * T(gt_tanh)(z / cap) : z;
}

/* Takes n more logits of a row into its running maximum and sum of exp(u - top).  Start with
 * top = -infinity, sum = 0. */
static inline void T(gt_ce_add)(const real *z, int64_t n, real cap, real *top, real *sum) {
  real block[T(CE_BLOCK)];
  for (int64_t first = 0; first < n; first += T(CE_BLOCK)) {
    int64_t width = n - first < T(CE_BLOCK) ? n - first : (int64_t)T(CE_BLOCK);
    const real *u = z + first;
    if (cap > 0) {
      for (int64_t i = 0; i < width; i++) block[i] = cap * T(gt_tanh)(u[i] / cap);
      u = block;
    }
    real highest = T(row_max)(u, width);
    if (!(highest > *top)) highest = *top;
    real base = highest == -INFINITY ? 0 : highest; /* rows that begin with -infinity */
    for (int64_t i = 0; i < width; i++) block[i] = T(gt_exp)(u[i] - base);
    *sum = (*top == highest ? *sum : *sum * T(gt_exp)(*top - highest)) + T(row_sum)(block, width);
    *top = highest;
  }
}

/* dz = scale times the gradient of the row's loss, or dz += that.  z may be dz.  `target` may lie
 * outside [0, n) when the row comes in pieces. */
static inline void T(gt_ce_gradient)(const real *z, int64_t n, real cap, real top, real rest,
                                     int64_t target, real scale, bool add, real *dz) {
  bool here = target >= 0 && target < n;
  real u = here ? T(gt_ce_capped)(z[target], cap) : 0;
  real at_target = cap > 0 ? scale * (1 - (u / cap) * (u / cap)) : scale;
  if (cap > 0) {
    GT_IVDEP for (int64_t i = 0; i < n; i++) {
      real t = T(gt_tanh)(z[i] / cap);
      real d = scale * T(gt_exp)(cap * t - top - rest) * (1 - t * t);
      dz[i] = add ? dz[i] + d : d;
    }
  } else {
    GT_IVDEP for (int64_t i = 0; i < n; i++) {
      real d = scale * T(gt_exp)(z[i] - top - rest);
      dz[i] = add ? dz[i] + d : d;
    }
  }
  if (here) dz[target] -= at_target;
}

#endif
