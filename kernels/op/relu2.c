/* relu2: y = max(x, 0)^2.  dx = 2 max(x, 0) dy.  (So et al., Primer, 2021.)  NaN stays NaN. */
#ifndef real
#include "kernels/op/reals.h"
GT_BACKWARD(backward, slope, 0);
GT_UNARY(relu2, .doc = "max(x, 0)^2, elementwise", .where = "F", .save_in = 1,
         .backward = backward);
#else
static real T(value)(real x) { return x < 0 ? 0 : x * x; }
static real T(slope)(real x) { return 2 * (x < 0 ? 0 : x); }
#endif
