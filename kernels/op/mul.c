/* mul: y = a b.  da = b dy, db = a dy. */
#ifndef real
#include "kernels/op/numbers.h"
static gt_status rule(gt_call *c) {
  gt_frame f = {.cx = c->cx};
  gt_tensor *g = c->gout[0];
  if (c->want[0]) gt_give(&f, c, 0, gt_op2(&f, "mul", g, c->in[1]));
  if (c->want[1]) gt_give(&f, c, 1, gt_op2(&f, "mul", g, c->in[0]));
  return gt_frame_end(&f);
}

GT_BINARY(mul, .doc = "a b, elementwise, broadcast", .save_in = 3, .save_crossed = 3, .rule = rule);
#else
static real T(value)(real a, real b) { return T(gt_times)(a, b); }
#endif
