/* argmin: the place of the smallest element along one dimension, or in all of x read row by row.
 * NaN wins; of equal elements the first. */
#include "kernels/cpu/extreme.h"

static gt_status forward(gt_call *c) { return gt_cpu_extreme_index(c, false); }

static const gt_setting attrs[] = {GT_REDUCE_ATTRS};

const gt_op gt_op_argmin = {
    .name = "argmin",
    .doc = "place of the smallest element along a dimension, or in all of x",
    .inputs = "x",
    .where = "method",
    .nin = 1,
    .nout = 1,
    .compute = GT_NUMBERS,
    .numeric = 1,
    .attrs = attrs,
    .attr_count = GT_COUNT(attrs),
    .infer = gt_infer_extreme_index,
    .forward = forward,
};
