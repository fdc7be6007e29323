/* amax: y = the largest element over dimensions; NaN wins.  Equal elements share the gradient. */
#include "kernels/cpu/extreme.h"
#include "kernels/op/extreme.h"

static gt_status forward(gt_call *c) { return gt_cpu_extreme(c, true); }

GT_REDUCTION(amax, .doc = "largest element over dimensions", .differentiable = 1, .save_in = 1,
             .save_out = 1, .infer = gt_infer_extreme, .forward = forward, .rule = gt_rule_extreme);
