/* factor.c: see factor.h. */
#include "kernels/op/factor.h"

#include "kernels/op/shape.h"

gt_status gt_infer_factor(gt_call *c) {
  GT_TRY(gt_infer_arithmetic(c));
  return gt_check_factor(c, c->op->attrs[0].name, c->attr[0].f);
}

gt_status gt_rule_sum(gt_call *c, double factor) {
  gt_frame f = {.cx = c->cx};
  gt_tensor *g = c->gout[0];
  if (c->want[0]) gt_give(&f, c, 0, g);
  if (c->want[1]) gt_give(&f, c, 1, factor == 1 ? g : gt_op_number(&f, "mul", g, factor));
  return gt_frame_end(&f);
}
