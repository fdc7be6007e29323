/* div: y = a / b, never whole division.  da = dy / b, db = -(a / b) dy / b. */
#ifndef real
#include "kernels/op/reals.h"
static gt_status rule(gt_call *c) {
  gt_terms t = {.c = c};
  gt_tensor *da = gt_term2(&t, "div", c->gout[0], c->in[1]);
  if (c->want[0]) gt_give(&t, 0, da);
  if (c->want[1]) {
    gt_tensor *ratio = gt_term2(&t, "div", c->in[0], c->in[1]);
    gt_give(&t, 1, gt_term1(&t, "neg", gt_term2(&t, "mul", da, ratio)));
  }
  return gt_terms_end(&t);
}

GT_BINARY(div, .doc = "a / b, broadcast; integers give float32", .save_in = 3, .save_crossed = 1,
          .rule = rule);
#else
static real T(value)(real a, real b) { return a / b; }
#endif
