/* erf: y = 2/sqrt(pi) * the integral of e^-t^2 from 0 to x.  dx = 2/sqrt(pi) e^-x^2 dy. */
#ifndef real
#include "kernels/op/reals.h"
static gt_status rule(gt_call *c) {
  gt_frame f = {.cx = c->cx};
  gt_tensor *bell = gt_op1(&f, "exp", gt_op1(&f, "neg", gt_op1(&f, "square", c->in[0])));
  return gt_give_slope(&f, c, gt_op_number(&f, "mul", bell, 1.1283791670955126));
}

GT_UNARY(erf, .doc = "error function", .save_in = 1, .rule = rule);
#else
static real T(value)(real x) { return T(gt_erf)(x); }
#endif
