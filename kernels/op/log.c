/* log: y = ln x.  dx = dy / x. */
#ifndef real
#include "kernels/op/reals.h"
static gt_status rule(gt_call *c) {
  gt_terms t = {.c = c};
  gt_give(&t, 0, gt_term2(&t, "div", c->gout[0], c->in[0]));
  return gt_terms_end(&t);
}

GT_UNARY(log, .doc = "natural logarithm", .save_in = 1, .rule = rule);
#else
static real T(value)(real x) { return T(gt_log)(x); }
#endif
