/* indices.h: index tensors: checks, reading, and taking elements at positions. */
#ifndef GT_INDICES_H
#define GT_INDICES_H

#include "kernels/op/geometry.h"

/* Refuses inputs that are not integers: "gather: expected an integer index, got float32". */
gt_status gt_index_check(const gt_call *c, int input);

/* gather and scatter: input `index` must have as many dimensions as input `x` and be no larger
 * except along `dim` (-1: along none). */
gt_status gt_index_fits(const gt_call *c, int index, int x, int dim);

/* The numbers of an integer input on the CPU as i64: its own memory or scratch. */
gt_status gt_index_read(gt_call *c, int input, const int64_t **out);

/* All n numbers must be positions in dimension `dim` of `size` elements; -size … -1 only if
 * `wraps`. GT_EINDEX names the first that is not. */
gt_status gt_index_range(const gt_call *c, const int64_t *index, int64_t n, int dim, int64_t size,
                         bool wraps);

/* y (outer, n, inner) = x (outer, size, inner) at positions index (n) along the axis, negative ones
 * from the end; elements of `size` bytes; parallel. */
void gt_take(gt_ctx *cx, size_t size, gt_axis axis, const int64_t *index, int64_t n, const void *x,
             void *y);

/* ---- several index tensors at once: x[i, j, …], inputs first … first + count - 1 ---- */

/* Number of index inputs given from input `first` on. */
int gt_index_count(const gt_call *c, int first);

/* The shape of x[i, j, …]: what the indices broadcast to, then x's remaining dimensions. */
gt_status gt_index_shape(gt_call *c, int x, int first, gt_spec *out);

/* x seen as positions that the indices choose among, each with `inner` elements. */
gt_axis gt_index_axis(const gt_call *c, int x, int first);

/* The n chosen positions on the CPU, all in range, none negative: scratch or the input's memory. */
gt_status gt_index_positions(gt_call *c, int x, int first, const int64_t **out, int64_t *n);

#endif
