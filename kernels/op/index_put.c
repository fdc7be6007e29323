/* index_put: x[i, j, …] = value in place, value broadcast to the shape of x[i, j, …]; where a
 * position comes twice the last value stays. */
#include "kernels/cpu/convert.h"
#include "kernels/cpu/indices.h"
#include "kernels/cpu/strided.h"

enum { X, VALUE, INDEX, INPUTS = 6 };

static gt_status infer(gt_call *c) {
  const gt_spec *value = &c->in_spec[VALUE];
  gt_spec to;
  GT_TRY(gt_index_shape(c, X, INDEX, &to));
  bool fits = value->ndim <= to.ndim;
  for (int k = 1; fits && k <= value->ndim; k++) {
    int64_t have = value->shape[value->ndim - k];
    fits = have == 1 || have == to.shape[to.ndim - k];
  }
  if (fits) return GT_OK;
  char want[GT_SHAPE_TEXT], have[GT_SHAPE_TEXT];
  return gt_fail(c->cx, GT_ESHAPE, "index_put: expected a value that broadcasts to %s, got %s",
                 gt_shape_text(&to, want), gt_shape_text(value, have));
}

/* The elements of value in x's dtype, in order, as many as x[i, j, …] has. */
static gt_status value_read(gt_call *c, const gt_spec *shape, const void **out) {
  const gt_tensor *value = c->in[VALUE];
  gt_dtype dtype = c->in[X]->dtype;
  size_t size = gt_dtype_size(dtype);
  int64_t own = gt_count(value), to[GT_MAX_DIM], from[GT_MAX_DIM];
  void *converted, *spread;
  GT_TRY(gt_scratch(c->cx, c->device, (size_t)own * size, &converted));
  GT_TRY(gt_scratch(c->cx, c->device, (size_t)gt_spec_count(shape) * size, &spread));
  gt_convert(converted, dtype, gt_data(value), value->dtype, own);
  int added = shape->ndim - value->ndim;
  for (int d = 0; d < shape->ndim; d++)
    from[d] = d < added || value->shape[d - added] == 1 ? 0 : value->stride[d - added];
  gt_row_major(shape->ndim, shape->shape, to);
  gt_strided_copy(c->cx, size, shape->ndim, shape->shape, spread, to, converted, from);
  *out = spread;
  return GT_OK;
}

static gt_status forward(gt_call *c) {
  gt_tensor *x = c->in[X];
  gt_axis axis = gt_index_axis(c, X, INDEX);
  size_t bytes = (size_t)axis.inner * gt_dtype_size(x->dtype);
  const int64_t *at;
  const void *value;
  int64_t n;
  gt_spec shape;
  GT_TRY(gt_index_shape(c, X, INDEX, &shape));
  GT_TRY(gt_index_positions(c, X, INDEX, &at, &n));
  if (gt_spec_count(&shape) == 0) return GT_OK;
  GT_TRY(value_read(c, &shape, &value));
  char *to = gt_data(x);
  for (int64_t i = 0; i < n; i++)
    memcpy(to + (size_t)at[i] * bytes, (const char *)value + (size_t)i * bytes, bytes);
  return GT_OK;
}

const gt_op gt_op_index_put = {
    .name = "index_put",
    .doc = "x[i, j, ...] = value in place, value broadcast",
    .inputs = "x, value, index, index1?, index2?, index3?",
    .where = "",
    .nin = INPUTS,
    .compute = GT_BYTES,
    .writes = 1u << X,
    .infer = infer,
    .forward = forward,
};
