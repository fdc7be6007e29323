/* isnan: true where x is not a number. */
#ifndef real
#include "kernels/op/numbers.h"
GT_PREDICATE(isnan, .doc = "true where x is not a number");
#else
static real T(value)(real x) { return T(gt_isnan)(x); }
#endif
