/* argmax: the place of the largest element along one dimension, or in all of x read row by row.
 * NaN wins; of equal elements the first. */
#include "kernels/cpu/extreme.h"
#include "kernels/op/extreme.h"

static gt_status forward(gt_call *c) { return gt_cpu_extreme_index(c, true); }

GT_REDUCTION(argmax, .doc = "place of the largest element along a dimension, or in all of x",
             .infer = gt_infer_extreme_index, .forward = forward);
