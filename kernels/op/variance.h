/* variance.h: shape and gradient rules of variance and standard deviation over dimensions. */
#ifndef GT_OP_VARIANCE_H
#define GT_OP_VARIANCE_H

#include "kernels/op/reduction.h"
#include "kernels/op/rule.h"

/* In PyTorch's order: std(dim, unbiased, keepdim). */
#define GT_VARIANCE_ATTRS                                                                          \
  GT_REDUCE_DIM,                                                                                   \
      {.name = "unbiased",                                                                         \
       .type = GT_SETTING_BOOL,                                                                    \
       .preset = GT_INT(1),                                                                        \
       .doc = "false: correction = 0"},                                                            \
      GT_REDUCE_KEEPDIM, {                                                                         \
    .name = "correction", .type = GT_SETTING_FLOAT, .preset = GT_FLOAT(1),                         \
    .doc = "the sum of squares is divided by n - correction", .by_name = true                      \
  }

gt_status gt_infer_variance(gt_call *c);
/* n - correction, the divisor of the sum of squares; not below 0. */
double gt_variance_freedom(const gt_call *c, int64_t n);
/* The gradient of input 0 given that of the variance. */
gt_tensor *gt_variance_gradient(gt_frame *f, gt_call *c, gt_tensor *g);

#endif
