/* sign: y = -1, 0 or 1.  The gradient is zero. */
#ifndef real
#include "kernels/op/numbers.h"
GT_UNARY(sign, .doc = "-1, 0 or 1", .rule = gt_rule_zero);
#else
static real T(value)(real x) { return (real)((x > 0) - (x < 0)); }
#endif
