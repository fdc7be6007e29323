/* ceil: y = smallest whole number not below x.  The gradient is zero. */
#ifndef real
#include "kernels/op/numbers.h"
GT_UNARY(ceil, .doc = "smallest whole number not below x", .rule = gt_rule_zero);
#else
static real T(value)(real x) { return T(gt_ceil)(x); }
#endif
