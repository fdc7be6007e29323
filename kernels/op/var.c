/* var: y = sum((x - mean)^2) / (n - correction) over dimensions.
 * dx = 2 (x - mean) / (n - correction) dy. */
#include "kernels/cpu/variance.h"
#include "kernels/op/variance.h"

static gt_status forward(gt_call *c) { return gt_cpu_variance(c, false); }

static gt_status rule(gt_call *c) {
  gt_frame f = {.cx = c->cx};
  gt_give(&f, c, 0, gt_variance_gradient(&f, c, c->gout[0]));
  return gt_frame_end(&f);
}

GT_REDUCTION(var, .doc = "variance over dimensions", .compute = GT_REALS, .differentiable = 1,
             .save_in = 1, GT_ATTRS(GT_VARIANCE_ATTRS), .infer = gt_infer_variance,
             .forward = forward, .rule = rule);
