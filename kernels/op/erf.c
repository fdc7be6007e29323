/* erf: y = 2/sqrt(pi) * the integral of e^-t^2 from 0 to x.  dx = 2/sqrt(pi) e^-x^2 dy. */
#ifndef real
#include "kernels/cpu/cpu.h"
#include "kernels/op/rule.h"

#include "kernels/op/typed.h"

static gt_status forward(gt_call *c) { return gt_cpu_map(c, GT_PICK(c, row)); }

static gt_status rule(gt_call *c) {
  gt_terms t = {.c = c};
  gt_tensor *bell = gt_term1(&t, "exp", gt_term1(&t, "neg", gt_term1(&t, "square", c->in[0])));
  gt_tensor *slope = gt_term_number(&t, "mul", bell, 1.1283791670955126);
  gt_give(&t, 0, gt_term2(&t, "mul", c->gout[0], slope));
  return gt_terms_end(&t);
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
