/* le: y = (a <= b), bool. */
#ifndef real
#include "kernels/op/numbers.h"
GT_COMPARISON(le, .doc = "a <= b, elementwise, bool");
#else
static real T(value)(real a, real b) { return a <= b; }
#endif
