/* silu: y = x s, s = sigmoid(x).  dx = s (1 + x (1 - s)) dy. */
#ifndef real
#include "kernels/cpu.h"
#include "kernels/rule.h"

#define GT_TYPED "kernels/silu.c"
#include "kernels/typed.h"

static gt_status forward(gt_call *c) { return gt_cpu_map(c, GT_PICK(c, row)); }

static gt_status rule(gt_call *c) {
  gt_terms t = {.c = c};
  gt_tensor *g = c->gout[0], *x = c->in[0];
  gt_tensor *s = gt_term1(&t, "sigmoid", x);
  gt_tensor *rest = gt_term2(&t, "sub", gt_number(&t, 1), s);
  gt_tensor *inner = gt_term_number(&t, "add", gt_term2(&t, "mul", x, rest), 1);
  gt_give(&t, 0, gt_term2(&t, "mul", g, gt_term2(&t, "mul", s, inner)));
  return gt_terms_end(&t);
}

const gt_op gt_op_silu = {
    .name = "silu",
    .doc = "x sigmoid(x)",
    .inputs = "x",
    .where = "F method",
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
static real T(value)(real x) { return x * T(gt_sigmoid)(x); }
#include "kernels/row1.h"
#endif
