/* log2: y = log2 x.  dx = dy / (x ln 2). */
#ifndef real
#include "kernels/cpu/cpu.h"
#include "kernels/op/rule.h"

#include <tgmath.h>

#include "kernels/op/typed.h"

static gt_status forward(gt_call *c) { return gt_cpu_map(c, GT_PICK(c, row)); }

static gt_status rule(gt_call *c) {
  gt_frame f = {.cx = c->cx};
  gt_tensor *scaled = gt_op_number(&f, "mul", c->in[0], 0.69314718055994531);
  gt_give(&f, c, 0, gt_op2(&f, "div", c->gout[0], scaled));
  return gt_frame_end(&f);
}

const gt_op gt_op_log2 = {
    .name = "log2",
    .doc = "logarithm to base 2",
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
static real T(value)(real x) { return log2(x); }
#include "kernels/op/row1.h"
#endif
