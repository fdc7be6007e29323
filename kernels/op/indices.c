/* indices.c: see indices.h. */
#include "kernels/op/indices.h"

#include <stdio.h>

gt_status gt_index_check(const gt_call *c, int input) {
  gt_dtype dtype = c->in_spec[input].dtype;
  if (!gt_dtype_is_float(dtype) && dtype != GT_BOOL) return GT_OK;
  return gt_fail(c->cx, GT_EDTYPE, "%s: expected an integer index, got %s", c->op->name,
                 gt_dtype_name(dtype));
}

gt_status gt_index_fits(const gt_call *c, int index, int x, int dim) {
  const gt_spec *i = &c->in_spec[index], *of = &c->in_spec[x];
  bool fits = i->ndim == of->ndim;
  for (int d = 0; fits && d < i->ndim; d++) fits = d == dim || i->shape[d] <= of->shape[d];
  if (fits) return GT_OK;
  char have[GT_SHAPE_TEXT], limit[GT_SHAPE_TEXT], except[48] = "";
  if (dim >= 0) snprintf(except, sizeof except, " apart from dimension %d", dim);
  return gt_fail(c->cx, GT_ESHAPE, "%s: expected an index no larger than %s%s, got %s", c->op->name,
                 gt_shape_text(of, limit), except, gt_shape_text(i, have));
}

int gt_index_count(const gt_call *c, int first) {
  int count = 0;
  while (first + count < c->nin && c->in[first + count]) count++;
  return count;
}

gt_status gt_index_broadcast(gt_call *c, int first, int count, gt_spec *out) {
  gt_spec kept = c->spec[0]; /* the helper writes output specs */
  GT_TRY(gt_out_broadcast(c, 0, first, first + count - 1, GT_I64));
  *out = c->spec[0];
  c->spec[0] = kept;
  return GT_OK;
}

gt_status gt_index_shape(gt_call *c, int x, int first, gt_spec *out) {
  const gt_spec *of = &c->in_spec[x];
  int count = gt_index_count(c, first);
  gt_spec spec;
  if (of->ndim == 0)
    return gt_fail(c->cx, GT_ESHAPE, "%s: a 0-d tensor cannot be indexed", c->op->name);
  if (count > of->ndim) {
    char text[GT_SHAPE_TEXT];
    return gt_fail(c->cx, GT_EINDEX, "%s: expected at most %d indices for %s, got %d", c->op->name,
                   of->ndim, gt_shape_text(of, text), count);
  }
  for (int i = 0; i < count; i++) GT_TRY(gt_index_check(c, first + i));
  GT_TRY(gt_index_broadcast(c, first, count, &spec));
  if (spec.ndim + of->ndim - count > GT_MAX_DIM)
    return gt_fail(c->cx, GT_ESHAPE, "%s: expected a result of at most %d dimensions, got %d",
                   c->op->name, GT_MAX_DIM, spec.ndim + of->ndim - count);
  for (int d = count; d < of->ndim; d++) spec.shape[spec.ndim++] = of->shape[d];
  spec.dtype = of->dtype;
  *out = spec;
  return GT_OK;
}

gt_axis gt_index_axis(const gt_call *c, int x, int first) {
  const gt_spec *of = &c->in_spec[x];
  int count = gt_index_count(c, first);
  gt_axis axis = {1, 1, 1};
  for (int d = 0; d < of->ndim; d++) {
    if (d < count)
      axis.size *= of->shape[d];
    else
      axis.inner *= of->shape[d];
  }
  return axis;
}
