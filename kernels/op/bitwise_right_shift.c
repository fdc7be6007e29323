/* bitwise_right_shift: a >> b, keeping the sign, for integers.  Shifting by 64 or more, or by a
 * negative count, shifts everything out. */
#ifndef real
#include "kernels/op/bits.h"
GT_BITS(bitwise_right_shift, 2, .doc = "a >> b, keeping the sign, for integers");
#else
static real T(value)(real a, real b) {
  if (b < 0 || b > 63) return a < 0 ? -1 : 0;
  return a >> b;
}
#endif
