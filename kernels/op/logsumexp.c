/* logsumexp: y = log sum e^x over dimensions, shifted by the largest element so that nothing
 * overflows; -inf of nothing.  dx = e^(x - top) / sum e^(x - top) dy, which keeps its digits where
 * x is large; 0 where y is -inf. */
#ifndef real
#include "kernels/cpu/reduce.h"
#include "kernels/op/rule.h"

#define LANES 16
#define BLOCK 256 /* a multiple of LANES */

/* f = the largest element, g = the sum of e^(x - f); infinite f shifts by 0 instead. */
static double shift_of(double largest) { return isinf(largest) ? 0 : largest; }

static gt_partial combine(gt_partial a, gt_partial b) {
  gt_partial p = {.f = b.f > a.f ? b.f : a.f};
  double shift = shift_of(p.f);
  p.g = a.g * exp(shift_of(a.f) - shift) + b.g * exp(shift_of(b.f) - shift);
  return p;
}

#include "kernels/op/typed.h"

static gt_status forward(gt_call *c) {
  unsigned dims;
  GT_TRY(gt_reduced_dims(c, &dims));
  gt_reducer r = {GT_PICK(c, part), combine, GT_PICK(c, finish)};
  return gt_cpu_reduce(c, dims, &r);
}

static gt_status rule(gt_call *c) {
  gt_frame f = {.cx = c->cx};
  gt_tensor *y = c->out[0];
  const gt_arg *args =
      GT_ARGS({"dim", *gt_attr_named(c, "dim")}, {"keepdim", *gt_attr_named(c, "keepdim")});
  if (gt_spec_count(&c->in_spec[0]) == 0) {
    gt_give_zero(&f, c, 0);
    return gt_frame_end(&f);
  }
  gt_tensor *top = gt_op1_with(&f, "amax", c->in[0], args);
  top = gt_op3(&f, "where", gt_op1(&f, "isinf", top), gt_number(&f, 0), top);
  gt_tensor *power = gt_op1(&f, "exp", gt_op2(&f, "sub", c->in[0], gt_unreduced(&f, c, top)));
  gt_tensor *sum = gt_op1_with(&f, "sum", power, args);
  gt_tensor *nothing = gt_op_number(&f, "eq", y, -INFINITY);
  gt_tensor *each = gt_op2(&f, "div", c->gout[0], sum);
  each = gt_op3(&f, "where", nothing, gt_number(&f, 0), each);
  gt_give(&f, c, 0, gt_op2(&f, "mul", power, gt_unreduced(&f, c, each)));
  return gt_frame_end(&f);
}

GT_REDUCTION(logsumexp, .doc = "log sum e^x over dimensions", .compute = GT_REALS,
             .differentiable = 1, .save_in = 1, .save_out = 1, .infer = gt_infer_reduced_float,
             .forward = forward, .rule = rule);

#else
/* The largest skips NaN: the sum meets it again. */
static real T(largest)(const real *x, int64_t n) {
  real lane[LANES];
  int64_t i = 0;
  for (int j = 0; j < LANES; j++) lane[j] = x[0];
  for (; i + LANES <= n; i += LANES) {
    for (int j = 0; j < LANES; j++) lane[j] = x[i + j] > lane[j] ? x[i + j] : lane[j];
  }
  for (int j = 0; i < n; i++, j++) lane[j] = x[i] > lane[j] ? x[i] : lane[j];
  for (int j = 1; j < LANES; j++) lane[0] = lane[j] > lane[0] ? lane[j] : lane[0];
  return lane[0];
}

static gt_partial T(part)(const void *data, int64_t n, int64_t at, const gt_value *attr) {
  const real *x = data;
  real top = T(largest)(x, n), shift = (real)shift_of(top);
  real power[BLOCK];
  double sum[LANES] = {0};
  (void)at, (void)attr;
  for (int64_t i = 0; i < n; i += BLOCK) {
    int count = (int)(n - i < BLOCK ? n - i : BLOCK);
    for (int j = 0; j < count; j++) power[j] = T(gt_exp)(x[i + j] - shift);
    for (int j = count; j < BLOCK; j++) power[j] = 0;
    for (int k = 0; k < BLOCK; k += LANES) {
      for (int j = 0; j < LANES; j++) sum[j] += power[k + j];
    }
  }
  for (int j = 1; j < LANES; j++) sum[0] += sum[j];
  return (gt_partial){.f = top, .g = sum[0]};
}

static void T(finish)(gt_call *c, gt_partial p, int64_t n, int64_t index) {
  double y = n == 0 ? -INFINITY : shift_of(p.f) + log(p.g);
  ((real *)gt_data(c->out[0]))[index] = (real)y;
}
#endif
