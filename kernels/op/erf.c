/* erf: y = 2/sqrt(pi) * the integral of e^-t^2 from 0 to x.  dx = 2/sqrt(pi) e^-x^2 dy. */
#ifndef real
#include "kernels/cpu/cpu.h"
#include "kernels/op/rule.h"

#include "kernels/op/typed.h"

static gt_status forward(gt_call *c) { return gt_cpu_map(c, GT_PICK(c, row)); }

static gt_status rule(gt_call *c) {
  gt_frame f = {.cx = c->cx};
  gt_tensor *bell = gt_op1(&f, "exp", gt_op1(&f, "neg", gt_op1(&f, "square", c->in[0])));
  gt_tensor *slope = gt_op_number(&f, "mul", bell, 1.1283791670955126);
  gt_give(&f, c, 0, gt_op2(&f, "mul", c->gout[0], slope));
  return gt_frame_end(&f);
}

const gt_op gt_op_erf = {
    .name = "erf",
    .doc = "error function",
    .inputs = "x",
    .where = "method",
    .nin = 1,
    .nout = 1,
    .compute = GT_REALS,
    .numeric = 1,
    .strided = 1,
    .any_dtype = true,
    .differentiable = 1,
    .save_in = 1,
    .elementwise = true,
    .infer = gt_infer_real,
    .forward = forward,
    .rule = rule,
};

#else
static real T(value)(real x) { return T(gt_erf)(x); }
#include "kernels/op/row1.h"
#endif
