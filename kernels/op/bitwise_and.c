/* bitwise_and: a & b, for integers and bool. */
#ifndef real
#include "kernels/op/bits.h"
GT_BITS(bitwise_and, 2, .doc = "a & b");
#else
static real T(value)(real a, real b) { return a & b; }
#endif
