/* bitwise_left_shift: a << b, for integers.  Shifting by 64 or more, or by a negative count,
 * shifts everything out. */
#ifndef real
#include "kernels/op/bits.h"
GT_BITS(bitwise_left_shift, 2, .doc = "a << b, for integers");
#else
static real T(value)(real a, real b) { return b < 0 || b > 63 ? 0 : (real)((uint64_t)a << b); }
#endif
