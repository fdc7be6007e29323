/* div: y = a / b, never whole division.  da = dy / b, db = -(a / b) dy / b. */
#ifndef real
#include "kernels/op/reals.h"
static gt_status rule(gt_call *c) {
  gt_frame f = {.cx = c->cx};
  gt_tensor *da = gt_op2(&f, "div", c->gout[0], c->in[1]);
  if (c->want[0]) gt_give(&f, c, 0, da);
  if (c->want[1]) {
    gt_tensor *ratio = gt_op2(&f, "div", c->in[0], c->in[1]);
    gt_give(&f, c, 1, gt_op1(&f, "neg", gt_op2(&f, "mul", da, ratio)));
  }
  return gt_frame_end(&f);
}

GT_BINARY(div, .doc = "a / b, broadcast; integers give float32", .save_in = 3, .save_crossed = 1,
          .rule = rule);
#else
static real T(value)(real a, real b) { return a / b; }
#endif
