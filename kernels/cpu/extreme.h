/* extreme.h: the largest or smallest over dimensions, its place, or both (op/extreme.h). */
#ifndef GT_CPU_EXTREME_H
#define GT_CPU_EXTREME_H

#include "kernels/cpu/reduce.h"

gt_status gt_cpu_extreme(gt_call *c, bool largest);
gt_status gt_cpu_extreme_index(gt_call *c, bool largest);
gt_status gt_cpu_extreme_pair(gt_call *c, bool largest);
gt_status gt_cpu_extreme_backward(gt_call *c); /* of a pair */

#endif
