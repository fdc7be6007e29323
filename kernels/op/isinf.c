/* isinf: true where x is infinite. */
#ifndef real
#include "kernels/op/numbers.h"
GT_PREDICATE(isinf, .doc = "true where x is infinite");
#else
static real T(value)(real x) {
#if REAL_IS_INTEGER
  (void)x;
  return 0;
#else
  return x == INFINITY || x == -INFINITY;
#endif
}
#endif
