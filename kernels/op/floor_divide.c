/* floor_divide: y = the quotient rounded down, as Lua's and Python's //.  No gradient. */
#ifndef real
#include "kernels/op/numbers.h"
GT_LOOPS(loop, value, 2, 0);

static gt_status divide(gt_call *c) {
  if (c->dtype == GT_I64 && gt_cpu_any_zero(c->in[1]))
    return gt_fail(c->cx, GT_EARG, "floor_divide: division by zero");
  return gt_cpu_map(c, GT_PICK(c, loop));
}

GT_ROW(floor_divide, 2, .doc = "a // b: the quotient rounded down", .strided = 1,
       .any_dtype = false, .differentiable = 0, .forward = divide);
#else
#if REAL_IS_INTEGER
static real T(value)(real a, real b) {
  if (b == -1) return T(gt_minus)(0, a); /* the smallest integer wraps instead of trapping */
  return a / b - (a % b != 0 && (a < 0) != (b < 0));
}
#else
/* By the exact remainder, so that y b + remainder(a, b) gives a back. */
static real T(value)(real a, real b) {
  if (b == 0) return a / b;
  real rest = fmod(a, b);
  real whole = (a - rest) / b;
  if (rest != 0 && (b < 0) != (rest < 0)) whole -= 1;
  if (whole == 0) return copysign(REAL(0.0), a / b);
  real down = floor(whole);
  return whole - down > REAL(0.5) ? down + 1 : down;
}
#endif
#endif
