/* round: y = nearest whole number, halves to even.  The gradient is zero. */
#ifndef real
#include "kernels/op/numbers.h"
GT_UNARY(round, .doc = "nearest whole number, halves to even", .rule = gt_rule_zero);
#else
static real T(value)(real x) { return T(gt_rint)(x); }
#endif
