/* order.h: ranking along one dimension: what sort and topk share. */
#ifndef GT_ORDER_H
#define GT_ORDER_H

#include "kernels/op/geometry.h"

/* Outputs 0 and 1 get the first k values along dim and their positions; equal values keep their
 * order, NaN counts as the greatest.  k is outputs' size along dim. */
gt_status gt_order(gt_call *c, int dim, bool descending);

/* The gradient of both: dy at the positions that output 1 (saved) says. */
gt_status gt_order_rule(gt_call *c, int dim);

#endif
