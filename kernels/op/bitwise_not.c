/* bitwise_not: ~x for integers, logical not for bool. */
#ifndef real
#include "kernels/op/bits.h"
GT_LOOPS(loop, value, 1, 0);
GT_LOOPS(loop_bool, value_bool, 1, 0);

static gt_status map(gt_call *c) {
  return gt_cpu_map(c, c->in_spec[0].dtype == GT_BOOL ? loop_bool_i64 : loop_i64);
}

GT_ROW(bitwise_not, 1, .doc = "~x for integers, logical not for bool", .differentiable = 0,
       .forward = map);
#else
static real T(value)(real x) { return ~x; }
static real T(value_bool)(real x) { return !x; }
#endif
