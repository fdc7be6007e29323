/* gt: y = (a > b), bool. */
#ifndef real
#include "kernels/cpu/cpu.h"

#define GT_TYPED_I64
#include "kernels/op/typed.h"

static gt_status forward(gt_call *c) { return gt_cpu_compare(c, GT_PICK(c, row)); }

const gt_op gt_op_gt = {
    .name = "gt",
    .doc = "a > b, elementwise, bool",
    .inputs = "a, b",
    .where = "method",
    .nin = 2,
    .nout = 1,
    .compute = GT_NUMBERS,
    .numeric = 3,
    .strided = 3,
    .any_dtype = true,
    .elementwise = true,
    .infer = gt_infer_predicate,
    .forward = forward,
};

#else
static real T(value)(real a, real b) { return a > b; }
#include "kernels/op/row2.h"
#endif
