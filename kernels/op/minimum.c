/* minimum: y = the smaller of a and b; NaN wins.  The smaller one gets dy, equal ones half each. */
#ifndef real
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/extreme.h"

#define GT_TYPED_I64
#include "kernels/op/typed.h"

static gt_status forward(gt_call *c) { return gt_cpu_map(c, GT_PICK(c, row)); }

static gt_status rule(gt_call *c) { return gt_rule_extreme_of_two(c, false); }

const gt_op gt_op_minimum = {
    .name = "minimum",
    .doc = "the smaller of a and b, broadcast; NaN wins",
    .inputs = "a, b",
    .where = "method",
    .nin = 2,
    .nout = 1,
    .compute = GT_NUMBERS,
    .numeric = 3,
    .strided = 3,
    .any_dtype = true,
    .differentiable = 3,
    .save_in = 3,
    .elementwise = true,
    .infer = gt_infer_extreme_of_two,
    .forward = forward,
    .rule = rule,
};

#else
static real T(value)(real a, real b) { return a < b || T(gt_isnan)(a) ? a : b; }
#include "kernels/op/row2.h"
#endif
