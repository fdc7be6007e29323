/* square: y = x^2, of bool i64.  dx = 2 x dy. */
#ifndef real
#include "kernels/op/numbers.h"
static gt_status infer(gt_call *c) {
  const gt_spec *x = &c->in_spec[0];
  return gt_out_spec(c, 0, x->dtype == GT_BOOL ? GT_I64 : x->dtype, x->ndim, x->shape);
}

static gt_status rule(gt_call *c) {
  gt_frame f = {.cx = c->cx};
  return gt_give_slope(&f, c, gt_op_number(&f, "mul", c->in[0], 2));
}

GT_UNARY(square, .doc = "x^2", .infer = infer, .save_in = 1, .rule = rule);
#else
static real T(value)(real x) { return T(gt_times)(x, x); }
#endif
