/* sigmoid: y = 1 / (1 + e^-x).  dx = y (1 - y) dy. */
#ifndef real
#include "kernels/op/reals.h"
static gt_status rule(gt_call *c) {
  gt_terms t = {.c = c};
  gt_tensor *y = c->out[0], *rest = gt_term2(&t, "sub", gt_number(&t, 1), y);
  return gt_give_slope(&t, gt_term2(&t, "mul", y, rest));
}

GT_UNARY(sigmoid, .doc = "1 / (1 + e^-x)", .where = "F method", .save_out = 1, .rule = rule);
#else
static real T(value)(real x) { return T(gt_sigmoid)(x); }
#endif
