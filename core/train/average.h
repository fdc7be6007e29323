/* average.h: exponential moving averages of weights. */
#ifndef GT_AVERAGE_H
#define GT_AVERAGE_H

#include "core/tensor/tensor.h"

/* average[i] <- average[i] + (1 - decay) (weight[i] - average[i]), all tensors in one pass and
 * never in half: interrupts wait.  Shapes must agree pairwise; dtypes may differ, the arithmetic is
 * f64 for an f64 average and f32 otherwise. */
gt_status gt_average_update(gt_ctx *cx, gt_tensor *const *average, gt_tensor *const *weight,
                            int count, double decay);

/* Exchanges the memory of a[i] and b[i]; both keep their identity.  Equal shapes, dtypes and
 * devices only; all or none. */
gt_status gt_average_swap(gt_ctx *cx, gt_tensor *const *a, gt_tensor *const *b, int count);

#endif
