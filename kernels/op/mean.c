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

GT_REDUCTION(mean, .doc = "mean over dimensions", .compute = GT_REALS, .differentiable = 1,
             .infer = gt_infer_reduced_float, .forward = forward, .rule = rule);
