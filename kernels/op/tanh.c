/* tanh: y = tanh x.  dx = (1 - y^2) dy. */
#ifndef real
#include "kernels/op/reals.h"
static gt_status rule(gt_call *c) {
  gt_terms t = {.c = c};
  gt_tensor *square = gt_term1(&t, "square", c->out[0]);
  return gt_give_slope(&t, gt_term2(&t, "sub", gt_number(&t, 1), square));
}

GT_UNARY(tanh, .doc = "hyperbolic tangent", .where = "F method", .save_out = 1, .rule = rule);
#else
static real T(value)(real x) { return T(gt_tanh)(x); }
#endif
