/* all: true where no element is zero, over dimensions; true of nothing. */
#include "kernels/cpu/truth.h"

static gt_status forward(gt_call *c) { return gt_cpu_truth(c, true); }

GT_REDUCTION(all, .doc = "true where no element is zero, over dimensions",
             .infer = gt_infer_reduced_truth, .forward = forward);
