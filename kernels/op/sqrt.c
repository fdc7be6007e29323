/* sqrt: y = x^(1/2).  dx = dy / (2 y). */
#ifndef real
#include "kernels/op/reals.h"
static gt_status rule(gt_call *c) {
  gt_frame f = {.cx = c->cx};
  gt_tensor *twice = gt_op_number(&f, "mul", c->out[0], 2);
  gt_give(&f, c, 0, gt_op2(&f, "div", c->gout[0], twice));
  return gt_frame_end(&f);
}

GT_UNARY(sqrt, .doc = "square root", .save_out = 1, .rule = rule);
#else
static real T(value)(real x) { return sqrt(x); }
#endif
