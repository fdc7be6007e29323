/* silu: y = x s, s = sigmoid(x).  dx = s (1 + x (1 - s)) dy. */
#ifndef real
#include "kernels/op/reals.h"
GT_BACKWARD(backward, slope, 0);
GT_UNARY(silu, .doc = "x sigmoid(x)", .where = "F method", .save_in = 1, .backward = backward);
#else
static real T(value)(real x) { return x * T(gt_sigmoid)(x); }
static real T(slope)(real x) {
  real s = T(gt_sigmoid)(x);
  return s * (x * (1 - s) + 1);
}
#endif
