/* extreme.h: the larger or smaller of two, and over dimensions: amax and amin (the value; equal
 * elements share the gradient), max and min (value and place along one dimension; the place gets
 * the gradient), argmax and argmin (the place).  NaN wins; the first of equal elements is the
 * place. */
#ifndef GT_EXTREME_H
#define GT_EXTREME_H

#include "kernels/cpu/reduce.h"

/* maximum and minimum of two tensors: the chosen one gets the gradient, equal ones half each. */
gt_status gt_infer_extreme_of_two(gt_call *c);
gt_status gt_rule_extreme_of_two(gt_call *c, bool largest);

gt_status gt_infer_extreme(gt_call *c);
gt_status gt_cpu_extreme(gt_call *c, bool largest);
gt_status gt_rule_extreme(gt_call *c);

gt_status gt_infer_extreme_pair(gt_call *c);
gt_status gt_cpu_extreme_pair(gt_call *c, bool largest);
gt_status gt_cpu_extreme_backward(gt_call *c);

gt_status gt_infer_extreme_index(gt_call *c);
gt_status gt_cpu_extreme_index(gt_call *c, bool largest);

#endif
