/* relu: y = max(x, 0).  dx = dy where y > 0. */
#ifndef real
#include "kernels/op/numbers.h"
static gt_status rule(gt_call *c) {
  gt_terms t = {.c = c};
  gt_tensor *inside = gt_term_number(&t, "gt", c->out[0], 0);
  gt_give(&t, 0, gt_term3(&t, "where", inside, c->gout[0], gt_number(&t, 0)));
  return gt_terms_end(&t);
}

GT_UNARY(relu, .doc = "max(x, 0); NaN stays NaN", .where = "F method", .save_out = 1, .rule = rule);
#else
static real T(value)(real x) { return x < 0 ? 0 : x; }
#endif
