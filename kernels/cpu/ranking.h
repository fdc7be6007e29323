/* ranking.h: sort and topk. */
#ifndef GT_CPU_RANKING_H
#define GT_CPU_RANKING_H

#include "kernels/op/geometry.h"

/* Outputs 0 and 1 get the first k values along the dimension named dim and their positions; equal
 * values keep their order, NaN counts as the greatest.  k is outputs' size along it. */
gt_status gt_cpu_rank(gt_call *c, bool descending);

#endif
