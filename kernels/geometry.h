/* geometry.h: shape arithmetic shared by the ops that move elements. */
#ifndef GT_GEOMETRY_H
#define GT_GEOMETRY_H

#include "core/tensor/run.h"

/* A shape seen along one dimension: an element sits at (outer * size + along) * inner + rest. */
typedef struct gt_axis {
  int64_t outer, size, inner;
} gt_axis;

/* dim counts from 0; a 0-d spec has one axis of size 1. */
gt_axis gt_axis_at(const gt_spec *spec, int dim);

/* Strides of a contiguous array. */
void gt_row_major(int ndim, const int64_t *shape, int64_t *stride);

/* A DIMS attribute value: the shape of spec, or any n numbers. */
gt_value gt_shape_value(const gt_spec *spec);
gt_value gt_dims_value(int n, const int64_t *at);

/* The shape asked for by `wanted` (one -1 is inferred) for the elements of input 0; view, reshape.
 */
gt_status gt_shape_infer(gt_call *c, const gt_dims *wanted, gt_spec *out);

/* Strides that show t's elements, in t's order, as `to` (same count).  False if only a copy can. */
bool gt_view_strides(const gt_tensor *t, const gt_spec *to, int64_t *stride);

/* ---- index tensors ---- */

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

#endif
