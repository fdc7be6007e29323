/* reciprocal: y = 1 / x.  dx = -y^2 dy. */
#ifndef real
#include "kernels/op/reals.h"
static gt_status rule(gt_call *c) {
  gt_terms t = {.c = c};
  gt_tensor *square = gt_term1(&t, "square", c->out[0]);
  gt_give(&t, 0, gt_term1(&t, "neg", gt_term2(&t, "mul", c->gout[0], square)));
  return gt_terms_end(&t);
}

GT_UNARY(reciprocal, .doc = "1 / x", .save_out = 1, .rule = rule);
#else
static real T(value)(real x) { return 1 / x; }
#endif
