/* std: y = the square root of var(x).  dx = dvar / (2 y), 0 where y is 0. */
#include "kernels/cpu/variance.h"
#include "kernels/op/variance.h"

static gt_status forward(gt_call *c) { return gt_cpu_variance(c, true); }

static gt_status rule(gt_call *c) {
  gt_terms t = {.c = c};
  gt_tensor *y = c->out[0], *zero = gt_number(&t, 0);
  gt_tensor *dvar = gt_term2(&t, "div", c->gout[0], gt_term_number(&t, "mul", y, 2));
  gt_tensor *safe = gt_term3(&t, "where", gt_term2(&t, "eq", y, zero), zero, dvar);
  gt_give(&t, 0, gt_variance_gradient(&t, safe));
  return gt_terms_end(&t);
}

GT_REDUCTION(std, .doc = "standard deviation over dimensions", .compute = GT_REALS,
             .differentiable = 1, .save_in = 1, .save_out = 1, GT_ATTRS(GT_VARIANCE_ATTRS),
             .infer = gt_infer_variance, .forward = forward, .rule = rule);
