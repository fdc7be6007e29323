/* sum: y = the sum of x over dimensions.  dx repeats dy.  Integers and bool sum to i64. */
#include "kernels/cpu/reduce.h"
#include "kernels/op/rule.h"

static gt_status infer(gt_call *c) {
  gt_dtype dtype = c->in_spec[0].dtype;
  return gt_out_reduced(c, 0, gt_dtype_is_float(dtype) ? dtype : GT_I64);
}

static gt_status forward(gt_call *c) {
  unsigned dims;
  GT_TRY(gt_reduced_dims(c, &dims));
  return gt_cpu_sum(c, dims, 1);
}

static gt_status rule(gt_call *c) {
  gt_frame f = {.cx = c->cx};
  gt_give(&f, c, 0, gt_unreduced(&f, c, c->gout[0]));
  return gt_frame_end(&f);
}

GT_REDUCTION(sum, .doc = "sum over dimensions; integers and bool give int64", .differentiable = 1,
             .infer = infer, .forward = forward, .rule = rule);
