/* logical_not: true where x is zero. */
#ifndef real
#include "kernels/op/numbers.h"
GT_PREDICATE(logical_not, .doc = "true where x is zero");
#else
static real T(value)(real x) { return x == 0; }
#endif
