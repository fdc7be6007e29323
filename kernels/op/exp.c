/* exp: y = e^x.  dx = y dy. */
#ifndef real
#include "kernels/op/reals.h"
static gt_status rule(gt_call *c) {
  gt_frame f = {.cx = c->cx};
  return gt_give_slope(&f, c, c->out[0]);
}

GT_UNARY(exp, .doc = "e^x, elementwise", .save_out = 1, .rule = rule);
#else
static real T(value)(real x) { return T(gt_exp)(x); }
#endif
