/* tanh: y = tanh x.  dx = (1 - y^2) dy. */
#ifndef real
#include "kernels/op/reals.h"
static gt_status rule(gt_call *c) {
  gt_frame f = {.cx = c->cx};
  gt_tensor *square = gt_op1(&f, "square", c->out[0]);
  return gt_give_slope(&f, c, gt_op2(&f, "sub", gt_number(&f, 1), square));
}

GT_UNARY(tanh, .doc = "hyperbolic tangent", .where = "F method", .save_out = 1, .rule = rule);
#else
static real T(value)(real x) { return T(gt_tanh)(x); }
#endif
