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
  gt_frame f = {.cx = c->cx};
  const gt_arg *args =
      GT_ARGS({"dim", *gt_attr_named(c, "dim")}, {"keepdim", *gt_attr_named(c, "keepdim")});
  gt_tensor *chosen = gt_op2(&f, "eq", c->in[0], gt_unreduced(&f, c, c->out[0]));
  gt_tensor *count = gt_op1_with(&f, "sum", chosen, args);
  gt_tensor *share = gt_unreduced(&f, c, gt_op2(&f, "div", c->gout[0], count));
  gt_give(&f, c, 0, gt_op3(&f, "where", chosen, share, gt_number(&f, 0)));
  return gt_frame_end(&f);
}

static gt_status rule_of_two(gt_call *c, bool largest) {
  gt_frame f = {.cx = c->cx};
  gt_tensor *g = c->gout[0], *zero = gt_number(&f, 0);
  gt_tensor *tie = gt_op2(&f, "eq", c->in[0], c->in[1]);
  gt_tensor *half = gt_op3(&f, "where", tie, gt_op_number(&f, "mul", g, 0.5), g);
  for (int i = 0; i < 2; i++) {
    if (!c->want[i]) continue;
    const char *beaten = (i == 0) == largest ? "lt" : "gt";
    gt_tensor *lost = gt_op2(&f, beaten, c->in[0], c->in[1]);
    gt_give(&f, c, i, gt_op3(&f, "where", lost, zero, half));
  }
  return gt_frame_end(&f);
}

gt_status gt_rule_maximum(gt_call *c) { return rule_of_two(c, true); }
gt_status gt_rule_minimum(gt_call *c) { return rule_of_two(c, false); }
