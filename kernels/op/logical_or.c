/* logical_or: true where one is not zero. */
#ifndef real
#include "kernels/op/numbers.h"
GT_LOGICAL(logical_or, .doc = "true where one is not zero");
#else
static real T(value)(real a, real b) { return a != 0 || b != 0; }
#endif
