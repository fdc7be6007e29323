/* rsqrt: y = x^(-1/2).  dx = -y^3 dy / 2. */
#ifndef real
#include "kernels/op/reals.h"
static gt_status rule(gt_call *c) {
  gt_terms t = {.c = c};
  gt_tensor *g = c->gout[0], *y = c->out[0];
  gt_tensor *cube = gt_term2(&t, "mul", gt_term1(&t, "square", y), y);
  gt_give(&t, 0, gt_term_number(&t, "mul", gt_term2(&t, "mul", g, cube), -0.5));
  return gt_terms_end(&t);
}

GT_UNARY(rsqrt, .doc = "1 / square root", .save_out = 1, .rule = rule);
#else
static real T(value)(real x) { return 1 / sqrt(x); }
#endif
