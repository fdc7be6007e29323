/* abs: y = |x|.  dx = sign(x) dy. */
#ifndef real
#include "kernels/op/numbers.h"
static gt_status rule(gt_call *c) {
  gt_frame f = {.cx = c->cx};
  return gt_give_slope(&f, c, gt_op1(&f, "sign", c->in[0]));
}

GT_UNARY(abs, .doc = "absolute value", .save_in = 1, .rule = rule);
#else
static real T(value)(real x) { return x < 0 ? T(gt_minus)(0, x) : x; }
#endif
