/* ops.h: the table of ops: declared here, defined by kernels/ops.c, so that whoever makes a context
 * needs to see no kernel. */
#ifndef GT_OPS_H
#define GT_OPS_H

#include "core/tensor/op.h"

extern const gt_op *const gt_ops[];
extern const int gt_op_count;

#endif
