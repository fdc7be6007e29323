/* remainder: y = a - floor(a / b) b, with the sign of b, as Lua's and Python's %.
 * da = dy, db = -floor(a / b) dy. */
#ifndef real
#include "kernels/op/numbers.h"
GT_LOOPS(loop, value, 2, 0);

static gt_status divide(gt_call *c) {
  if (c->dtype == GT_I64 && gt_cpu_any_zero(c->in[1]))
    return gt_fail(c->cx, GT_EARG, "remainder: division by zero");
  return gt_cpu_map(c, GT_PICK(c, loop));
}

static gt_status rule(gt_call *c) {
  gt_frame f = {.cx = c->cx};
  gt_tensor *g = c->gout[0];
  if (c->want[0]) gt_give(&f, c, 0, g);
  if (c->want[1]) {
    gt_tensor *whole = gt_op2(&f, "floor_divide", c->in[0], c->in[1]);
    gt_give(&f, c, 1, gt_op1(&f, "neg", gt_op2(&f, "mul", g, whole)));
  }
  return gt_frame_end(&f);
}

GT_ROW(remainder, 2, .doc = "a % b, with the sign of b", .strided = 1, .any_dtype = false,
       .save_in = 3, .save_crossed = 1, .forward = divide, .rule = rule);
#else
#if REAL_IS_INTEGER
static real T(value)(real a, real b) {
  if (b == -1) return 0; /* the smallest integer would trap */
  real rest = a % b;
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}
#else
static real T(value)(real a, real b) {
  real rest = fmod(a, b);
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}
#endif
#endif
