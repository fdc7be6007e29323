/* add: y = a + alpha b.  da = dy, db = alpha dy. */
#ifndef real
#include "kernels/op/factor.h"
#include "kernels/op/numbers.h"

static gt_status rule(gt_call *c) { return gt_rule_sum(c, c->attr[0].f); }

GT_ELEMENTWISE(add, 2, 1, .doc = "a + alpha b, broadcast",
               GT_ATTRS(GT_FACTOR("alpha", "factor of b", "a + alpha * b")),
               .infer = gt_infer_factor, .rule = rule);
#else
static real T(value)(real a, real b, real alpha) { return T(gt_plus)(a, T(gt_times)(alpha, b)); }
#endif
