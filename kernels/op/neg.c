/* neg: y = -x.  dx = -dy. */
#ifndef real
#include "kernels/cpu/cpu.h"
#include "kernels/op/rule.h"

#define GT_TYPED_I64
#include "kernels/op/typed.h"

static gt_status infer(gt_call *c) {
  if (c->in_spec[0].dtype == GT_BOOL)
    return gt_fail(c->cx, GT_EDTYPE, "neg: expected numbers, got a bool tensor; use logical_not");
  return gt_infer_same(c);
}

static gt_status forward(gt_call *c) { return gt_cpu_map(c, GT_PICK(c, row)); }

static gt_status rule(gt_call *c) {
  gt_frame f = {.cx = c->cx};
  gt_give(&f, c, 0, gt_op1(&f, "neg", c->gout[0]));
  return gt_frame_end(&f);
}

const gt_op gt_op_neg = {
    .name = "neg",
    .doc = "-x",
    .inputs = "x",
    .where = "method",
    .nin = 1,
    .nout = 1,
    .compute = GT_NUMBERS,
    .numeric = 1,
    .strided = 1,
    .any_dtype = true,
    .differentiable = 1,
    .elementwise = true,
    .infer = infer,
    .forward = forward,
    .rule = rule,
};

#else
static real T(value)(real x) { return T(gt_minus)(0, x); }
#include "kernels/op/row1.h"
#endif
