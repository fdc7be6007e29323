/* indices.h: reading index tensors, and taking elements at positions. */
#ifndef GT_CPU_INDICES_H
#define GT_CPU_INDICES_H

#include "kernels/op/indices.h"

/* The numbers of an integer input on the CPU as i64: its own memory or scratch. */
gt_status gt_index_read(gt_call *c, int input, const int64_t **out);

/* All n numbers must be positions in dimension `dim` of `size` elements; -size … -1 only if
 * `wraps`. GT_EINDEX names the first that is not. */
gt_status gt_index_range(const gt_call *c, const int64_t *index, int64_t n, int dim, int64_t size,
                         bool wraps);

/* The n positions that x[i, j, …] chooses, all in range, none negative: scratch or the input's
 * memory. */
gt_status gt_index_positions(gt_call *c, int x, int first, const int64_t **out, int64_t *n);

/* y (outer, n, inner) = x (outer, size, inner) at positions index (n) along the axis, negative ones
 * from the end; elements of `size` bytes; parallel. */
void gt_take(gt_ctx *cx, size_t size, gt_axis axis, const int64_t *index, int64_t n, const void *x,
             void *y);

#endif
