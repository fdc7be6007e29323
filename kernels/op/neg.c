/* neg: y = -x.  dx = -dy. */
#ifndef real
#include "kernels/op/numbers.h"
static gt_status infer(gt_call *c) {
  if (c->in_spec[0].dtype == GT_BOOL)
    return gt_fail(c->cx, GT_EDTYPE, "neg: expected numbers, got a bool tensor; use logical_not");
  return gt_infer_same(c);
}

static gt_status rule(gt_call *c) {
  gt_terms t = {.c = c};
  gt_give(&t, 0, gt_term1(&t, "neg", c->gout[0]));
  return gt_terms_end(&t);
}

GT_UNARY(neg, .doc = "-x", .infer = infer, .rule = rule);
#else
static real T(value)(real x) { return T(gt_minus)(0, x); }
#endif
