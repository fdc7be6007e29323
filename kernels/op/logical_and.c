/* logical_and: true where both are not zero. */
#ifndef real
#include "kernels/op/numbers.h"
GT_LOGICAL(logical_and, .doc = "true where both are not zero");
#else
static real T(value)(real a, real b) { return a != 0 && b != 0; }
#endif
