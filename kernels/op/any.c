/* any: true where an element is not zero, over dimensions; false of nothing. */
#include "kernels/cpu/truth.h"

static gt_status forward(gt_call *c) { return gt_cpu_truth(c, false); }

GT_REDUCTION(any, .doc = "true where an element is not zero, over dimensions",
             .infer = gt_infer_reduced_truth, .forward = forward);
