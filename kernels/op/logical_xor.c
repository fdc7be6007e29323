/* logical_xor: true where exactly one is not zero. */
#ifndef real
#include "kernels/op/numbers.h"
GT_LOGICAL(logical_xor, .doc = "true where exactly one is not zero");
#else
static real T(value)(real a, real b) { return (a != 0) != (b != 0); }
#endif
