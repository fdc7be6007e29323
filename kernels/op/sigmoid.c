/* sigmoid: y = 1 / (1 + e^-x).  dx = y (1 - y) dy. */
#ifndef real
#include "kernels/cpu/cpu.h"
#include "kernels/op/rule.h"

#include "kernels/op/typed.h"

static gt_status forward(gt_call *c) { return gt_cpu_map(c, GT_PICK(c, row)); }

static gt_status rule(gt_call *c) {
  gt_terms t = {.c = c};
  gt_tensor *g = c->gout[0], *y = c->out[0];
  gt_tensor *rest = gt_term2(&t, "sub", gt_number(&t, 1), y);
  gt_give(&t, 0, gt_term2(&t, "mul", g, gt_term2(&t, "mul", y, rest)));
  return gt_terms_end(&t);
}

const gt_op gt_op_sigmoid = {
    .name = "sigmoid",
    .doc = "1 / (1 + e^-x)",
    .inputs = "x",
    .where = "F method",
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
static real T(value)(real x) { return T(gt_sigmoid)(x); }
#include "kernels/op/row1.h"
#endif
