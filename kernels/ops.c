/* ops.c: turns the list in ops.def into the table that the context is made with. */
#include "core/tensor/ops.h"

#define OP(name) extern const gt_op gt_op_##name;
#include "kernels/ops.def"
#undef OP

const gt_op *const gt_ops[] = {
#define OP(name) &gt_op_##name,
#include "kernels/ops.def"
#undef OP
};

const int gt_op_count = GT_COUNT(gt_ops);
