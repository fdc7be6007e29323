/* sigmoid: y = 1 / (1 + e^-x).  dx = y (1 - y) dy. */
#ifndef real
#include "kernels/op/reals.h"
static gt_status rule(gt_call *c) {
  gt_frame f = {.cx = c->cx};
  gt_tensor *y = c->out[0], *rest = gt_op2(&f, "sub", gt_number(&f, 1), y);
  return gt_give_slope(&f, c, gt_op2(&f, "mul", y, rest));
}

GT_UNARY(sigmoid, .doc = "1 / (1 + e^-x)", .where = "F method", .save_out = 1, .rule = rule);
#else
static real T(value)(real x) { return T(gt_sigmoid)(x); }
#endif
