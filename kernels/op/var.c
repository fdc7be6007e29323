/* var: y = sum((x - mean)^2) / (n - correction) over dimensions.
 * dx = 2 (x - mean) / (n - correction) dy. */
#include "kernels/cpu/variance.h"

static gt_status forward(gt_call *c) { return gt_cpu_variance(c, false); }

static gt_status rule(gt_call *c) {
  gt_frame f = {.cx = c->cx};
  gt_give(&f, c, 0, gt_variance_gradient(&f, c, c->gout[0]));
  return gt_frame_end(&f);
}

static const gt_setting attrs[] = {GT_VARIANCE_ATTRS};

const gt_op gt_op_var = {
    .name = "var",
    .doc = "variance over dimensions",
    .inputs = "x",
    .where = "method",
    .nin = 1,
    .nout = 1,
    .compute = GT_REALS,
    .numeric = 1,
    .differentiable = 1,
    .save_in = 1,
    .attrs = attrs,
    .attr_count = GT_COUNT(attrs),
    .infer = gt_infer_variance,
    .forward = forward,
    .rule = rule,
};
