/* minimum: y = the smaller of a and b; NaN wins.  The smaller one gets dy, equal ones half each. */
#ifndef real
#include "kernels/cpu.h"
#include "kernels/rule.h"

#define GT_TYPED_I64
#define GT_TYPED "kernels/minimum.c"
#include "kernels/typed.h"

static gt_status forward(gt_call *c) { return gt_cpu_map(c, GT_PICK(c, row)); }

static gt_status rule(gt_call *c) {
  gt_terms t = {.c = c};
  gt_tensor *g = c->gout[0], *zero = gt_number(&t, 0);
  gt_tensor *tie = gt_term2(&t, "eq", c->in[0], c->in[1]);
  gt_tensor *half = gt_term3(&t, "where", tie, gt_term_number(&t, "mul", g, 0.5), g);
  const char *beaten[2] = {"gt", "lt"};
  for (int i = 0; i < 2; i++) {
    if (!c->want[i]) continue;
    gt_tensor *lost = gt_term2(&t, beaten[i], c->in[0], c->in[1]);
    gt_give(&t, i, gt_term3(&t, "where", lost, zero, half));
  }
  return gt_terms_end(&t);
}

const gt_op gt_op_minimum = {
    .name = "minimum",
    .doc = "the smaller of a and b, broadcast; NaN wins",
    .inputs = "a, b",
    .where = "method",
    .nin = 2,
    .nout = 1,
    .compute = GT_NUMBERS,
    .numeric = 3,
    .strided = 3,
    .any_dtype = true,
    .differentiable = 3,
    .save_in = 3,
    .elementwise = true,
    .infer = gt_infer_arithmetic,
    .forward = forward,
    .rule = rule,
};

#else
static real T(value)(real a, real b) { return a < b || T(gt_isnan)(a) ? a : b; }
#include "kernels/row2.h"
#endif
