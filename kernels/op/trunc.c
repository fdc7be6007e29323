/* trunc: y = x without its fraction.  The gradient is zero. */
#ifndef real
#include "kernels/cpu/cpu.h"
#include "kernels/op/rule.h"

#include <tgmath.h>

#define GT_TYPED_I64
#include "kernels/op/typed.h"

static gt_status forward(gt_call *c) { return gt_cpu_map(c, GT_PICK(c, row)); }

const gt_op gt_op_trunc = {
    .name = "trunc",
    .doc = "x without its fraction",
    .inputs = "x",
    .where = "method",
    .nin = 1,
    .nout = 1,
    .compute = GT_NUMBERS,
    .numeric = 1,
    .strided = 1,
    .any_dtype = true,
    .differentiable = 1,
    .elementwise = true,
    .infer = gt_infer_same,
    .forward = forward,
    .rule = gt_rule_zero,
};

#else
static real T(value)(real x) {
#if REAL_IS_INTEGER
  return x;
#else
  return trunc(x);
#endif
}
#include "kernels/op/row1.h"
#endif
