/* isfinite: true where x is neither infinite nor NaN. */
#ifndef real
#include "kernels/op/numbers.h"
GT_PREDICATE(isfinite, .doc = "true where x is neither infinite nor NaN");
#else
static real T(value)(real x) { return T(gt_minus)(x, x) == 0; }
#endif
