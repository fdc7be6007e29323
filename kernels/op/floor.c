/* floor: y = largest whole number not above x.  The gradient is zero. */
#ifndef real
#include "kernels/op/numbers.h"
GT_UNARY(floor, .doc = "largest whole number not above x", .rule = gt_rule_zero);
#else
static real T(value)(real x) { return T(gt_floor)(x); }
#endif
