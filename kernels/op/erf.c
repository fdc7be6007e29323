/* erf: y = 2/sqrt(pi) * the integral of e^-t^2 from 0 to x.  dx = 2/sqrt(pi) e^-x^2 dy. */
#ifndef real
#include "kernels/op/reals.h"
static gt_status rule(gt_call *c) {
  gt_terms t = {.c = c};
  gt_tensor *bell = gt_term1(&t, "exp", gt_term1(&t, "neg", gt_term1(&t, "square", c->in[0])));
  return gt_give_slope(&t, gt_term_number(&t, "mul", bell, 1.1283791670955126));
}

GT_UNARY(erf, .doc = "error function", .save_in = 1, .rule = rule);
#else
static real T(value)(real x) { return T(gt_erf)(x); }
#endif
