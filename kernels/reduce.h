/* reduce.h: reductions over any set of dimensions.
 *
 * Bits do not depend on the number of threads: the elements of one result are cut into segments of
 * fixed length, a segment is reduced in a fixed order, and segments are combined first to last.
 * Every reduction has the attributes dim and keepdim in places 0 and 1. */
#ifndef GT_REDUCE_H
#define GT_REDUCE_H

#include "kernels/cpu.h"

#define GT_REDUCE_ATTRS                                                                            \
  {.name = "dim", .type = GT_ATTR_DIMS, .doc = "dimensions to reduce; all if not given"}, {        \
    .name = "keepdim", .type = GT_ATTR_BOOL, .doc = "keep reduced dimensions with size 1"          \
  }

/* Bit d is set when dimension d of input 0 is reduced. */
gt_status gt_reduced_dims(gt_call *c, unsigned *out);
/* Number of elements of input 0 that make one result. */
int64_t gt_reduced_count(const gt_call *c, unsigned dims);
/* Output `out` has input 0's shape without the reduced dimensions. */
gt_status gt_out_reduced(gt_call *c, int out, gt_dtype dtype);

/* out[0] = scale * the sums of in[0] over `dims`; in[0] contiguous.  f32 is added in lanes over
 * short blocks and in double across them. */
gt_status gt_cpu_sum(gt_call *c, unsigned dims, double scale);

#endif
