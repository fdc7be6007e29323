/* neg: y = -x.  dx = -dy. */
#ifndef real
#include "kernels/op/numbers.h"
static gt_status infer(gt_call *c) {
  if (c->in_spec[0].dtype == GT_BOOL)
    return gt_fail(c->cx, GT_EDTYPE, "neg: expected numbers, got a bool tensor; use logical_not");
  return gt_infer_same(c);
}

static gt_status rule(gt_call *c) {
  gt_frame f = {.cx = c->cx};
  gt_give(&f, c, 0, gt_op1(&f, "neg", c->gout[0]));
  return gt_frame_end(&f);
}

GT_UNARY(neg, .doc = "-x", .infer = infer, .rule = rule);
#else
static real T(value)(real x) { return T(gt_minus)(0, x); }
#endif
