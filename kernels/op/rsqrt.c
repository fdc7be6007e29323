/* rsqrt: y = x^(-1/2).  dx = -y^3 dy / 2. */
#ifndef real
#include "kernels/cpu/cpu.h"
#include "kernels/op/rule.h"

#include <tgmath.h>

#include "kernels/op/typed.h"

static gt_status forward(gt_call *c) { return gt_cpu_map(c, GT_PICK(c, row)); }

static gt_status rule(gt_call *c) {
  gt_frame f = {.cx = c->cx};
  gt_tensor *g = c->gout[0], *y = c->out[0];
  gt_tensor *cube = gt_op2(&f, "mul", gt_op1(&f, "square", y), y);
  gt_give(&f, c, 0, gt_op_number(&f, "mul", gt_op2(&f, "mul", g, cube), -0.5));
  return gt_frame_end(&f);
}

const gt_op gt_op_rsqrt = {
    .name = "rsqrt",
    .doc = "1 / square root",
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
static real T(value)(real x) { return 1 / sqrt(x); }
#include "kernels/op/row1.h"
#endif
