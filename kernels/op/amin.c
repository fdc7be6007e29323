/* amin: y = the smallest element over dimensions; NaN wins.  Equal elements share the gradient. */
#include "kernels/cpu/extreme.h"
#include "kernels/op/extreme.h"

static gt_status forward(gt_call *c) { return gt_cpu_extreme(c, false); }

GT_REDUCTION(amin, .doc = "smallest element over dimensions", .differentiable = 1, .save_in = 1,
             .save_out = 1, .infer = gt_infer_extreme, .forward = forward, .rule = gt_rule_extreme);
