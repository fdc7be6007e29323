/* variance.h: variance and standard deviation over dimensions. */
#ifndef GT_CPU_VARIANCE_H
#define GT_CPU_VARIANCE_H

#include "kernels/cpu/reduce.h"

/* out[0] = the variance over the reduced dimensions, or its square root. */
gt_status gt_cpu_variance(gt_call *c, bool root);

#endif
