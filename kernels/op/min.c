/* min: the smallest element along one dimension and its place; NaN wins, the first of equal ones is
 * chosen and gets the gradient. */
#include "kernels/cpu/extreme.h"
#include "kernels/op/extreme.h"

static gt_status forward(gt_call *c) { return gt_cpu_extreme_pair(c, false); }

GT_REDUCTION(min, .doc = "smallest element along a dimension and its place: values, indices",
             .nout = 2, .differentiable = 1, .save_out = 2, GT_ATTRS(GT_REDUCE_ONE_ATTRS),
             .infer = gt_infer_extreme_pair, .forward = forward,
             .backward = gt_cpu_extreme_backward);
