/* relu: y = max(x, 0).  dx = dy where y > 0. */
#ifndef real
#include "kernels/cpu/cpu.h"
#include "kernels/op/rule.h"

#define GT_TYPED_I64
#include "kernels/op/typed.h"

static gt_status forward(gt_call *c) { return gt_cpu_map(c, GT_PICK(c, row)); }

static gt_status rule(gt_call *c) {
  gt_frame f = {.cx = c->cx};
  gt_tensor *inside = gt_op_number(&f, "gt", c->out[0], 0);
  gt_give(&f, c, 0, gt_op3(&f, "where", inside, c->gout[0], gt_number(&f, 0)));
  return gt_frame_end(&f);
}

const gt_op gt_op_relu = {
    .name = "relu",
    .doc = "max(x, 0); NaN stays NaN",
    .inputs = "x",
    .where = "F method",
    .nin = 1,
    .nout = 1,
    .compute = GT_NUMBERS,
    .numeric = 1,
    .strided = 1,
    .any_dtype = true,
    .differentiable = 1,
    .save_out = 1,
    .elementwise = true,
    .infer = gt_infer_same,
    .forward = forward,
    .rule = rule,
};

#else
static real T(value)(real x) { return x < 0 ? 0 : x; }
#include "kernels/op/row1.h"
#endif
