/* std: y = the square root of var(x).  dx = dvar / (2 y), 0 where y is 0. */
#include "kernels/cpu/variance.h"
#include "kernels/op/variance.h"

static gt_status forward(gt_call *c) { return gt_cpu_variance(c, true); }

static gt_status rule(gt_call *c) {
  gt_frame f = {.cx = c->cx};
  gt_tensor *y = c->out[0], *zero = gt_number(&f, 0);
  gt_tensor *dvar = gt_op2(&f, "div", c->gout[0], gt_op_number(&f, "mul", y, 2));
  gt_tensor *safe = gt_op3(&f, "where", gt_op2(&f, "eq", y, zero), zero, dvar);
  gt_give(&f, c, 0, gt_variance_gradient(&f, c, safe));
  return gt_frame_end(&f);
}

GT_REDUCTION(std, .doc = "standard deviation over dimensions", .compute = GT_REALS,
             .differentiable = 1, .save_in = 1, .save_out = 1, GT_ATTRS(GT_VARIANCE_ATTRS),
             .infer = gt_infer_variance, .forward = forward, .rule = rule);
