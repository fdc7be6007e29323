/* log: y = ln x.  dx = dy / x. */
#ifndef real
#include "kernels/op/reals.h"
static gt_status rule(gt_call *c) {
  gt_frame f = {.cx = c->cx};
  gt_give(&f, c, 0, gt_op2(&f, "div", c->gout[0], c->in[0]));
  return gt_frame_end(&f);
}

GT_UNARY(log, .doc = "natural logarithm", .save_in = 1, .rule = rule);
#else
static real T(value)(real x) { return T(gt_log)(x); }
#endif
