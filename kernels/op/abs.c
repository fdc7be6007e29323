/* abs: y = |x|.  dx = sign(x) dy. */
#ifndef real
#include "kernels/cpu/cpu.h"
#include "kernels/op/rule.h"

#define GT_TYPED_I64
#include "kernels/op/typed.h"

static gt_status forward(gt_call *c) { return gt_cpu_map(c, GT_PICK(c, row)); }

static gt_status rule(gt_call *c) {
  gt_frame f = {.cx = c->cx};
  gt_give(&f, c, 0, gt_op2(&f, "mul", c->gout[0], gt_op1(&f, "sign", c->in[0])));
  return gt_frame_end(&f);
}

const gt_op gt_op_abs = {
    .name = "abs",
    .doc = "absolute value",
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
    .infer = gt_infer_same,
    .forward = forward,
    .rule = rule,
};

#else
static real T(value)(real x) { return x < 0 ? T(gt_minus)(0, x) : x; }
#include "kernels/op/row1.h"
#endif
