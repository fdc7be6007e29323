/* isnan: true where x is not a number. */
#ifndef real
#include "kernels/cpu/cpu.h"

#define GT_TYPED_I64
#include "kernels/op/typed.h"

static gt_status forward(gt_call *c) { return gt_cpu_map(c, GT_PICK(c, row)); }

const gt_op gt_op_isnan = {
    .name = "isnan",
    .doc = "true where x is not a number",
    .inputs = "x",
    .where = "method",
    .nin = 1,
    .nout = 1,
    .compute = GT_NUMBERS,
    .numeric = 1,
    .strided = 1,
    .any_dtype = true,
    .infer = gt_infer_predicate,
    .forward = forward,
};

#else
static real T(value)(real x) { return T(gt_isnan)(x); }
#include "kernels/op/row1.h"
#endif
