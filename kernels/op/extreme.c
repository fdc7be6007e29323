/* extreme.c: see extreme.h. */
#include "kernels/op/extreme.h"

#include "kernels/op/reduction.h"
#include "kernels/op/rule.h"

static gt_status check(gt_call *c, bool single) {
  const gt_value *dim = gt_attr_named(c, "dim");
  unsigned dims;
  GT_TRY(gt_reduced_dims(c, &dims));
  if (single && dim->given && dim->dims.count > 1) {
    return gt_fail(c->cx, GT_EARG, "%s: expected one dimension, got %d", c->op->name,
                   dim->dims.count);
  }
  if (gt_reduced_count(c, dims) > 0) return GT_OK;
  char text[GT_SHAPE_TEXT];
  return gt_fail(c->cx, GT_ESHAPE, "%s: expected at least one element to choose from, got shape %s",
                 c->op->name, gt_shape_text(&c->in_spec[0], text));
}

gt_status gt_infer_extreme(gt_call *c) {
  GT_TRY(check(c, false));
  return gt_out_reduced(c, 0, c->in_spec[0].dtype);
}

gt_status gt_infer_extreme_pair(gt_call *c) {
  GT_TRY(check(c, true));
  GT_TRY(gt_out_reduced(c, 0, c->in_spec[0].dtype));
  return gt_out_reduced(c, 1, GT_I64);
}

gt_status gt_infer_extreme_index(gt_call *c) {
  GT_TRY(check(c, true));
  return gt_out_reduced(c, 0, GT_I64);
}

gt_status gt_infer_extreme_of_two(gt_call *c) {
  GT_TRY(gt_infer_arithmetic(c));
  GT_TRY(gt_check_number(c, 0));
  return gt_check_number(c, 1);
}

gt_status gt_rule_extreme(gt_call *c) {
  gt_terms t = {.c = c};
  const gt_arg *args =
      GT_ARGS({"dim", *gt_attr_named(c, "dim")}, {"keepdim", *gt_attr_named(c, "keepdim")});
  gt_tensor *chosen = gt_term2(&t, "eq", c->in[0], gt_unreduced(&t, c->out[0]));
  gt_tensor *count = gt_term1_with(&t, "sum", chosen, args);
  gt_tensor *share = gt_unreduced(&t, gt_term2(&t, "div", c->gout[0], count));
  gt_give(&t, 0, gt_term3(&t, "where", chosen, share, gt_number(&t, 0)));
  return gt_terms_end(&t);
}

static gt_status rule_of_two(gt_call *c, bool largest) {
  gt_terms t = {.c = c};
  gt_tensor *g = c->gout[0], *zero = gt_number(&t, 0);
  gt_tensor *tie = gt_term2(&t, "eq", c->in[0], c->in[1]);
  gt_tensor *half = gt_term3(&t, "where", tie, gt_term_number(&t, "mul", g, 0.5), g);
  for (int i = 0; i < 2; i++) {
    if (!c->want[i]) continue;
    const char *beaten = (i == 0) == largest ? "lt" : "gt";
    gt_tensor *lost = gt_term2(&t, beaten, c->in[0], c->in[1]);
    gt_give(&t, i, gt_term3(&t, "where", lost, zero, half));
  }
  return gt_terms_end(&t);
}

gt_status gt_rule_maximum(gt_call *c) { return rule_of_two(c, true); }
gt_status gt_rule_minimum(gt_call *c) { return rule_of_two(c, false); }
