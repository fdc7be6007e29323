/* relu: y = max(x, 0).  dx = dy where y > 0. */
#ifndef real
#include "kernels/op/numbers.h"
static gt_status rule(gt_call *c) {
  gt_frame f = {.cx = c->cx};
  gt_tensor *inside = gt_op_number(&f, "gt", c->out[0], 0);
  gt_give(&f, c, 0, gt_op3(&f, "where", inside, c->gout[0], gt_number(&f, 0)));
  return gt_frame_end(&f);
}

GT_UNARY(relu, .doc = "max(x, 0); NaN stays NaN", .where = "F method", .save_out = 1, .rule = rule);
#else
static real T(value)(real x) { return x < 0 ? 0 : x; }
#endif
