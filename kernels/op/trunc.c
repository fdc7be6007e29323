/* trunc: y = x without its fraction.  The gradient is zero. */
#ifndef real
#include "kernels/op/numbers.h"
GT_UNARY(trunc, .doc = "x without its fraction", .rule = gt_rule_zero);
#else
static real T(value)(real x) { return T(gt_trunc)(x); }
#endif
