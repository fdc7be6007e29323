/* argmin: the place of the smallest element along one dimension, or in all of x read row by row.
 * NaN wins; of equal elements the first. */
#include "kernels/cpu/extreme.h"
#include "kernels/op/extreme.h"

static gt_status forward(gt_call *c) { return gt_cpu_extreme_index(c, false); }

GT_REDUCTION(argmin, .doc = "place of the smallest element along a dimension, or in all of x",
             .infer = gt_infer_extreme_index, .forward = forward);
