/* factor.c: see factor.h. */
#include "kernels/op/factor.h"

#include "kernels/op/shape.h"

gt_status gt_infer_factor(gt_call *c) {
  GT_TRY(gt_infer_arithmetic(c));
  return gt_check_factor(c, c->op->attrs[0].name, c->attr[0].f);
}

gt_status gt_rule_sum(gt_call *c, double factor) {
  gt_terms t = {.c = c};
  gt_tensor *g = c->gout[0];
  if (c->want[0]) gt_give(&t, 0, g);
  if (c->want[1]) gt_give(&t, 1, factor == 1 ? g : gt_term_number(&t, "mul", g, factor));
  return gt_terms_end(&t);
}
