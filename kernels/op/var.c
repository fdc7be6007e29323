/* var: y = sum((x - mean)^2) / (n - correction) over dimensions.
 * dx = 2 (x - mean) / (n - correction) dy. */
#include "kernels/cpu/variance.h"
#include "kernels/op/variance.h"

static gt_status forward(gt_call *c) { return gt_cpu_variance(c, false); }

static gt_status rule(gt_call *c) {
  gt_terms t = {.c = c};
  gt_give(&t, 0, gt_variance_gradient(&t, c->gout[0]));
  return gt_terms_end(&t);
}

GT_REDUCTION(var, .doc = "variance over dimensions", .compute = GT_REALS, .differentiable = 1,
             .save_in = 1, GT_ATTRS(GT_VARIANCE_ATTRS), .infer = gt_infer_variance,
             .forward = forward, .rule = rule);
