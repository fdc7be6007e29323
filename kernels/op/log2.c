/* log2: y = log2 x.  dx = dy / (x ln 2). */
#ifndef real
#include "kernels/op/reals.h"
static gt_status rule(gt_call *c) {
  gt_frame f = {.cx = c->cx};
  gt_tensor *scaled = gt_op_number(&f, "mul", c->in[0], 0.69314718055994531);
  gt_give(&f, c, 0, gt_op2(&f, "div", c->gout[0], scaled));
  return gt_frame_end(&f);
}

GT_UNARY(log2, .doc = "logarithm to base 2", .save_in = 1, .rule = rule);
#else
static real T(value)(real x) { return log2(x); }
#endif
