/* abs: y = |x|.  dx = sign(x) dy. */
#ifndef real
#include "kernels/op/numbers.h"
static gt_status rule(gt_call *c) {
  gt_terms t = {.c = c};
  return gt_give_slope(&t, gt_term1(&t, "sign", c->in[0]));
}

GT_UNARY(abs, .doc = "absolute value", .save_in = 1, .rule = rule);
#else
static real T(value)(real x) { return x < 0 ? T(gt_minus)(0, x) : x; }
#endif
