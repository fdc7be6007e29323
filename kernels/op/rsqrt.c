/* rsqrt: y = x^(-1/2).  dx = -y^3 dy / 2. */
#ifndef real
#include "kernels/op/reals.h"
static gt_status rule(gt_call *c) {
  gt_frame f = {.cx = c->cx};
  gt_tensor *g = c->gout[0], *y = c->out[0];
  gt_tensor *cube = gt_op2(&f, "mul", gt_op1(&f, "square", y), y);
  gt_give(&f, c, 0, gt_op_number(&f, "mul", gt_op2(&f, "mul", g, cube), -0.5));
  return gt_frame_end(&f);
}

GT_UNARY(rsqrt, .doc = "1 / square root", .save_out = 1, .rule = rule);
#else
static real T(value)(real x) { return 1 / sqrt(x); }
#endif
