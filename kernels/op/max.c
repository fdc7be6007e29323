/* max: the largest element along one dimension and its place; NaN wins, the first of equal ones is
 * chosen and gets the gradient. */
#include "kernels/cpu/extreme.h"

static gt_status forward(gt_call *c) { return gt_cpu_extreme_pair(c, true); }

static const gt_setting attrs[] = {
    {.name = "dim", .type = GT_SETTING_DIMS, .required = true, .doc = "dimension to reduce"},
    {.name = "keepdim", .type = GT_SETTING_BOOL, .doc = "keep the reduced dimension with size 1"},
};

const gt_op gt_op_max = {
    .name = "max",
    .doc = "largest element along a dimension and its place: values, indices",
    .inputs = "x",
    .where = "method",
    .nin = 1,
    .nout = 2,
    .compute = GT_NUMBERS,
    .numeric = 1,
    .differentiable = 1,
    .save_out = 2,
    .attrs = attrs,
    .attr_count = GT_COUNT(attrs),
    .infer = gt_infer_extreme_pair,
    .forward = forward,
    .backward = gt_cpu_extreme_backward,
};
