/* truth.h: all and any. */
#ifndef GT_TRUTH_H
#define GT_TRUTH_H

#include "kernels/cpu/reduce.h"

/* out[0] = whether none of the elements of in[0] over the reduced dimensions is zero (`all`), or
 * not every one. */
gt_status gt_cpu_truth(gt_call *c, bool all);

#endif
