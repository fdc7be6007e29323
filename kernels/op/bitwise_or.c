/* bitwise_or: a | b, for integers and bool. */
#ifndef real
#include "kernels/op/bits.h"
GT_BITS(bitwise_or, 2, .doc = "a | b");
#else
static real T(value)(real a, real b) { return a | b; }
#endif
