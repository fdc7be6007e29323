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

#endif
