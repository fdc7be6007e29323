/* amin: y = the smallest element over dimensions; NaN wins.  Equal elements share the gradient. */
#include "kernels/cpu/extreme.h"

static gt_status forward(gt_call *c) { return gt_cpu_extreme(c, false); }

static const gt_setting attrs[] = {GT_REDUCE_ATTRS};

const gt_op gt_op_amin = {
    .name = "amin",
    .doc = "smallest element over dimensions",
    .inputs = "x",
    .where = "method",
    .nin = 1,
    .nout = 1,
    .compute = GT_NUMBERS,
    .numeric = 1,
    .differentiable = 1,
    .save_in = 1,
    .save_out = 1,
    .attrs = attrs,
    .attr_count = GT_COUNT(attrs),
    .infer = gt_infer_extreme,
    .forward = forward,
    .rule = gt_rule_extreme,
};
