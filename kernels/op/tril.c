/* tril: the lower triangle of matrices: y[i][j] = x[i][j] where j <= i + diagonal, else 0. */
#include "kernels/cpu/triangle.h"
#include "kernels/op/triangle.h"

static gt_status forward(gt_call *c) { return gt_cpu_triangle(c, false); }

static const gt_setting attrs[] = {GT_TRIANGLE_ATTRS};

const gt_op gt_op_tril = {
    .name = "tril",
    .doc = "the lower triangle of matrices, zero elsewhere",
    .inputs = "x",
    .where = "method",
    .nin = 1,
    .nout = 1,
    .compute = GT_BYTES,
    .differentiable = 1,
    .attrs = attrs,
    .attr_count = GT_COUNT(attrs),
    .infer = gt_triangle_infer,
    .forward = forward,
    .rule = gt_triangle_rule,
};
