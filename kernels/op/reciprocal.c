/* reciprocal: y = 1 / x.  dx = -y^2 dy. */
#ifndef real
#include "kernels/op/reals.h"
static gt_status rule(gt_call *c) {
  gt_frame f = {.cx = c->cx};
  gt_tensor *square = gt_op1(&f, "square", c->out[0]);
  gt_give(&f, c, 0, gt_op1(&f, "neg", gt_op2(&f, "mul", c->gout[0], square)));
  return gt_frame_end(&f);
}

GT_UNARY(reciprocal, .doc = "1 / x", .save_out = 1, .rule = rule);
#else
static real T(value)(real x) { return 1 / x; }
#endif
