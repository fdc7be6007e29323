/* mean: y = the mean of x over dimensions.  dx repeats dy / n.  Floating dtypes only. */
#include "kernels/cpu/reduce.h"
#include "kernels/op/rule.h"

static gt_status forward(gt_call *c) {
  unsigned dims;
  GT_TRY(gt_reduced_dims(c, &dims));
  return gt_cpu_sum(c, dims, (double)gt_reduced_count(c, dims));
}

static gt_status rule(gt_call *c) {
  gt_frame f = {.cx = c->cx};
  unsigned dims;
  GT_TRY(gt_reduced_dims(c, &dims));
  gt_tensor *share = gt_op_number(&f, "div", c->gout[0], (double)gt_reduced_count(c, dims));
  gt_give(&f, c, 0, gt_unreduced(&f, c, share));
  return gt_frame_end(&f);
}

static const gt_setting attrs[] = {GT_REDUCE_ATTRS};

const gt_op gt_op_mean = {
    .name = "mean",
    .doc = "mean over dimensions",
    .inputs = "x",
    .where = "method",
    .nin = 1,
    .nout = 1,
    .compute = GT_REALS,
    .numeric = 1,
    .differentiable = 1,
    .attrs = attrs,
    .attr_count = GT_COUNT(attrs),
    .infer = gt_infer_reduced_float,
    .forward = forward,
    .rule = rule,
};
