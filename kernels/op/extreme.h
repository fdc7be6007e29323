/* extreme.h: shape and gradient rules of the larger or smaller of two, and over dimensions: amax
 * and amin (the value; equal elements share the gradient), max and min (value and place along one
 * dimension; the place gets the gradient), argmax and argmin (the place).  NaN wins; the first of
 * equal elements is the place. */
#ifndef GT_OP_EXTREME_H
#define GT_OP_EXTREME_H

#include "core/tensor/op.h"

/* maximum and minimum of two tensors: the chosen one gets the gradient, equal ones half each. */
gt_status gt_infer_extreme_of_two(gt_call *c);
gt_status gt_rule_maximum(gt_call *c);
gt_status gt_rule_minimum(gt_call *c);

gt_status gt_infer_extreme(gt_call *c);
gt_status gt_rule_extreme(gt_call *c);
gt_status gt_infer_extreme_pair(gt_call *c);
gt_status gt_infer_extreme_index(gt_call *c);

#endif
