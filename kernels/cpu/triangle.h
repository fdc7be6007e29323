/* triangle.h: tril and triu. */
#ifndef GT_CPU_TRIANGLE_H
#define GT_CPU_TRIANGLE_H

#include "core/tensor/op.h"

/* Attribute 0 is the diagonal. */
gt_status gt_cpu_triangle(gt_call *c, bool upper);

#endif
