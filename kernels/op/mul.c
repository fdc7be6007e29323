/* mul: y = a b.  da = b dy, db = a dy. */
#ifndef real
#include "kernels/cpu/cpu.h"
#include "kernels/op/rule.h"

#define GT_TYPED_I64
#include "kernels/op/typed.h"

static gt_status forward(gt_call *c) { return gt_cpu_map(c, GT_PICK(c, row)); }

static gt_status rule(gt_call *c) {
  gt_frame f = {.cx = c->cx};
  gt_tensor *g = c->gout[0];
  if (c->want[0]) gt_give(&f, c, 0, gt_op2(&f, "mul", g, c->in[1]));
  if (c->want[1]) gt_give(&f, c, 1, gt_op2(&f, "mul", g, c->in[0]));
  return gt_frame_end(&f);
}

const gt_op gt_op_mul = {
    .name = "mul",
    .doc = "a b, elementwise, broadcast",
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
    .save_crossed = 3,
    .elementwise = true,
    .infer = gt_infer_arithmetic,
    .forward = forward,
    .rule = rule,
};

#else
static real T(value)(real a, real b) { return T(gt_times)(a, b); }
#include "kernels/op/row2.h"
#endif
