/* isinf: true where x is infinite. */
#ifndef real
#include "kernels/cpu/cpu.h"

#define GT_TYPED_I64
#include "kernels/op/typed.h"

static gt_status forward(gt_call *c) { return gt_cpu_map(c, GT_PICK(c, row)); }

const gt_op gt_op_isinf = {
    .name = "isinf",
    .doc = "true where x is infinite",
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
static real T(value)(real x) {
#if REAL_IS_INTEGER
  (void)x;
  return 0;
#else
  return x == INFINITY || x == -INFINITY;
#endif
}
#include "kernels/op/row1.h"
#endif
