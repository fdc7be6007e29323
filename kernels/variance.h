/* variance.h: variance and standard deviation over dimensions, shared by var and std. */
#ifndef GT_VARIANCE_H
#define GT_VARIANCE_H

#include "kernels/reduce.h"
#include "kernels/rule.h"

/* keepdim has no position: a boolean there means "unbiased" in PyTorch. */
#define GT_VARIANCE_ATTRS                                                                          \
  {.name = "dim", .type = GT_ATTR_DIMS, .doc = "dimensions to reduce; all if not given"},          \
      {.name = "keepdim",                                                                          \
       .type = GT_ATTR_BOOL,                                                                       \
       .doc = "keep reduced dimensions with size 1",                                               \
       .by_name = true},                                                                           \
  {                                                                                                \
    .name = "correction", .type = GT_ATTR_FLOAT, .fallback = GT_FLOAT(1),                          \
    .doc = "the sum of squares is divided by n - correction; 0 is PyTorch's unbiased = false",     \
    .by_name = true                                                                                \
  }

/* out[0] = the variance over the reduced dimensions, or its square root. */
gt_status gt_cpu_variance(gt_call *c, bool root);
/* The gradient of input 0 given that of the variance. */
gt_tensor *gt_variance_gradient(gt_terms *t, gt_tensor *g);

#endif
