/* rms.h: root-mean-square normalisation of one row, for the ops that contain it.
 *
 *   y = r x w,   r = 1 / sqrt(mean(x^2) + eps)
 *   dx = r (w dy) - x r^3 mean(x w dy)
 *
 * w == NULL means ones.  (Zhang and Sennrich, Root Mean Square Layer Normalization, 2019.) */
#ifndef real
#ifndef GT_RMS_H
#define GT_RMS_H

#include "kernels/cpu/cpu.h"

#include <float.h>
#include <math.h>

/* The default of eps: the machine epsilon of the type the sum is computed in. */
static inline double gt_rms_eps(const gt_call *c, int attr) {
  if (c->attr[attr].given) return c->attr[attr].f;
  return c->in_spec[0].dtype == GT_F64 ? DBL_EPSILON : (double)FLT_EPSILON;
}

#define GT_TYPED "kernels/cpu/rms.h"
#include "kernels/op/typed.h"

#endif
#else
#include "kernels/cpu/lanes.h"

static inline real T(gt_rms_scale)(const real *x, int64_t n, double eps) {
  real mean = T(row_dot)(x, x, n) / (real)n;
  return 1 / (real)sqrt(mean + (real)eps);
}

/* y may be x. */
static inline void T(gt_rms_row)(const real *x, const real *w, int64_t n, double eps, real *y) {
  real r = T(gt_rms_scale)(x, n, eps);
  if (w == NULL) {
    GT_IVDEP for (int64_t i = 0; i < n; i++) y[i] = x[i] * r;
  } else {
    GT_IVDEP for (int64_t i = 0; i < n; i++) y[i] = x[i] * r * w[i];
  }
}

/* dx = gradient, plus what `dx` holds if `add`.  dx may be dy.  Returns r. */
static inline real T(gt_rms_row_backward)(const real *x, const real *w, const real *dy, int64_t n,
                                          double eps, bool add, real *dx) {
  real r = T(gt_rms_scale)(x, n, eps);
  real dot = w == NULL ? T(row_dot)(x, dy, n) : T(row_dot3)(x, dy, w, n);
  real k = r * r * r * (dot / (real)n);
  GT_IVDEP for (int64_t i = 0; i < n; i++) {
    real d = r * (w == NULL ? dy[i] : dy[i] * w[i]) - x[i] * k;
    dx[i] = add ? dx[i] + d : d;
  }
  return r;
}

#endif
