/* log2: y = log2 x.  dx = dy / (x ln 2). */
#ifndef real
#include "kernels/op/reals.h"
static gt_status rule(gt_call *c) {
  gt_terms t = {.c = c};
  gt_tensor *scaled = gt_term_number(&t, "mul", c->in[0], 0.69314718055994531);
  gt_give(&t, 0, gt_term2(&t, "div", c->gout[0], scaled));
  return gt_terms_end(&t);
}

GT_UNARY(log2, .doc = "logarithm to base 2", .save_in = 1, .rule = rule);
#else
static real T(value)(real x) { return log2(x); }
#endif
