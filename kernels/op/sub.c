/* sub: y = a - alpha b.  da = dy, db = -alpha dy. */
#ifndef real
#include "kernels/op/factor.h"
#include "kernels/op/numbers.h"

static gt_status infer(gt_call *c) {
  if (c->in_spec[0].dtype == GT_BOOL && c->in_spec[1].dtype == GT_BOOL) {
    return gt_fail(c->cx, GT_EDTYPE,
                   "sub: expected numbers, got two bool tensors; use logical_xor");
  }
  return gt_infer_factor(c);
}

static gt_status rule(gt_call *c) { return gt_rule_sum(c, -c->attr[0].f); }

GT_ELEMENTWISE(sub, 2, 1, .doc = "a - alpha b, broadcast",
               GT_ATTRS(GT_FACTOR("alpha", "factor of b", "a - alpha * b")), .infer = infer,
               .rule = rule);
#else
static real T(value)(real a, real b, real alpha) { return T(gt_minus)(a, T(gt_times)(alpha, b)); }
#endif
