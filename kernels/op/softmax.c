/* softmax: y = exp(x - max x) / sum exp(x - max x) along dim.  Saves y.
 * dx = y (dy - sum(y dy)). */
#ifndef real
#include "kernels/cpu/softmax.h"
#include "kernels/op/shape.h"

#include "kernels/cpu/cpu.h"

enum { DIM };
enum { COLUMNS = GT_SOFTMAX_COLUMNS };

#include "kernels/op/typed.h"

static gt_status forward(gt_call *c) {
  return gt_softmax_walk(c, GT_PICK(c, forward_lines), c->in[0], NULL, c->out[0], false);
}

static gt_status backward(gt_call *c) {
  if (!c->want[0]) return GT_OK;
  return gt_softmax_walk(c, GT_PICK(c, backward_lines), c->out[0], c->gout[0], c->gin[0],
                         c->accumulate[0]);
}

static const gt_setting attrs[] = {
    [DIM] = {"dim", GT_SETTING_INT, .required = true, .doc = "the dimension that will sum to 1"},
};

const gt_op gt_op_softmax = {
    .name = "softmax",
    .doc = "exp(x) / sum(exp(x)) along dim",
    .inputs = "x",
    .where = "F method",
    .nin = 1,
    .nout = 1,
    .compute = GT_REALS,
    .numeric = 1,
    .differentiable = 1,
    .save_out = 1,
    .attrs = attrs,
    .attr_count = GT_COUNT(attrs),
    .infer = gt_infer_real_along,
    .forward = forward,
    .backward = backward,
};

#else

#include "kernels/cpu/lanes.h"

static void T(forward_columns)(int64_t n, int64_t step, int64_t width, const real *x, real *y) {
  real max[COLUMNS], sum[COLUMNS];
  for (int64_t j = 0; j < width; j++) max[j] = -INFINITY, sum[j] = 0;
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < width; j++)
      max[j] = x[i * step + j] > max[j] ? x[i * step + j] : max[j];
  for (int64_t i = 0; i < n; i++) GT_IVDEP for (int64_t j = 0; j < width; j++) {
      real e = T(gt_exp)(x[i * step + j] - max[j]);
      y[i * step + j] = e;
      sum[j] += e;
    }
  for (int64_t j = 0; j < width; j++) sum[j] = 1 / sum[j];
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < width; j++) y[i * step + j] *= sum[j];
}

static void T(forward_lines)(int64_t n, int64_t step, int64_t width, const void *a, const void *b,
                             void *out, bool accumulate) {
  (void)b, (void)accumulate;
  const real *x = a;
  real *y = out;
  if (step > 1) {
    T(forward_columns)(n, step, width, x, y);
    return;
  }
  real max = T(row_max)(x, n);
  for (int64_t i = 0; i < n; i++) y[i] = T(gt_exp)(x[i] - max);
  real scale = 1 / T(row_sum)(y, n);
  for (int64_t i = 0; i < n; i++) y[i] *= scale;
}

static void T(backward_lines)(int64_t n, int64_t step, int64_t width, const void *a, const void *b,
                              void *out, bool accumulate) {
  const real *y = a, *dy = b;
  real *dx = out;
  if (step == 1) {
    real sum = T(row_dot)(y, dy, n);
    for (int64_t i = 0; i < n; i++) dx[i] = (accumulate ? dx[i] : 0) + y[i] * (dy[i] - sum);
    return;
  }
  real sum[COLUMNS];
  for (int64_t j = 0; j < width; j++) sum[j] = 0;
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < width; j++) sum[j] += y[i * step + j] * dy[i * step + j];
  for (int64_t i = 0; i < n; i++) GT_IVDEP for (int64_t j = 0; j < width; j++) {
      int64_t at = i * step + j;
      dx[at] = (accumulate ? dx[at] : 0) + y[at] * (dy[at] - sum[j]);
    }
}
#endif
