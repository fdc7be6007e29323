/* square: y = x^2, of bool i64.  dx = 2 x dy. */
#ifndef real
#include "kernels/cpu/cpu.h"
#include "kernels/op/rule.h"

#define GT_TYPED_I64
#include "kernels/op/typed.h"

static gt_status infer(gt_call *c) {
  const gt_spec *x = &c->in_spec[0];
  return gt_out_spec(c, 0, x->dtype == GT_BOOL ? GT_I64 : x->dtype, x->ndim, x->shape);
}

static gt_status forward(gt_call *c) { return gt_cpu_map(c, GT_PICK(c, row)); }

static gt_status rule(gt_call *c) {
  gt_frame f = {.cx = c->cx};
  gt_tensor *slope = gt_op_number(&f, "mul", c->in[0], 2);
  gt_give(&f, c, 0, gt_op2(&f, "mul", c->gout[0], slope));
  return gt_frame_end(&f);
}

const gt_op gt_op_square = {
    .name = "square",
    .doc = "x^2",
    .inputs = "x",
    .where = "method",
    .nin = 1,
    .nout = 1,
    .compute = GT_NUMBERS,
    .numeric = 1,
    .strided = 1,
    .any_dtype = true,
    .differentiable = 1,
    .save_in = 1,
    .elementwise = true,
    .infer = infer,
    .forward = forward,
    .rule = rule,
};

#else
static real T(value)(real x) { return T(gt_times)(x, x); }
#include "kernels/op/row1.h"
#endif
