/* maximum: y = the larger of a and b; NaN wins.  The larger one gets dy, equal ones half each. */
#ifndef real
#include "kernels/op/extreme.h"
#include "kernels/op/numbers.h"

GT_BINARY(maximum, .doc = "the larger of a and b, broadcast; NaN wins", .save_in = 3,
          .infer = gt_infer_extreme_of_two, .rule = gt_rule_maximum);
#else
static real T(value)(real a, real b) { return a > b || T(gt_isnan)(a) ? a : b; }
#endif
