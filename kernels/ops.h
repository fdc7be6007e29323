/* ops.h: the table of ops handed to gt_ctx_new: all that anyone outside kernels/ sees of them. */
#ifndef GT_OPS_H
#define GT_OPS_H

#include "core/tensor/op.h"

extern const gt_op *const gt_ops[];
extern const int gt_op_count;

#endif
