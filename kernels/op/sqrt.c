/* sqrt: y = x^(1/2).  dx = dy / (2 y). */
#ifndef real
#include "kernels/op/reals.h"
static gt_status rule(gt_call *c) {
  gt_terms t = {.c = c};
  gt_tensor *twice = gt_term_number(&t, "mul", c->out[0], 2);
  gt_give(&t, 0, gt_term2(&t, "div", c->gout[0], twice));
  return gt_terms_end(&t);
}

GT_UNARY(sqrt, .doc = "square root", .save_out = 1, .rule = rule);
#else
static real T(value)(real x) { return sqrt(x); }
#endif
