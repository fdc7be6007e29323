/* reciprocal: y = 1 / x.  dx = -y^2 dy. */
#ifndef real
#include "kernels/cpu/cpu.h"
#include "kernels/op/rule.h"

#include "kernels/op/typed.h"

static gt_status forward(gt_call *c) { return gt_cpu_map(c, GT_PICK(c, row)); }

static gt_status rule(gt_call *c) {
  gt_frame f = {.cx = c->cx};
  gt_tensor *square = gt_op1(&f, "square", c->out[0]);
  gt_give(&f, c, 0, gt_op1(&f, "neg", gt_op2(&f, "mul", c->gout[0], square)));
  return gt_frame_end(&f);
}

const gt_op gt_op_reciprocal = {
    .name = "reciprocal",
    .doc = "1 / x",
    .inputs = "x",
    .where = "method",
    .nin = 1,
    .nout = 1,
    .compute = GT_REALS,
    .numeric = 1,
    .strided = 1,
    .any_dtype = true,
    .differentiable = 1,
    .save_out = 1,
    .elementwise = true,
    .infer = gt_infer_real,
    .forward = forward,
    .rule = rule,
};

#else
static real T(value)(real x) { return 1 / x; }
#include "kernels/op/row1.h"
#endif
