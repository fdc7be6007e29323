/* indices.c: index tensors. */
#include "kernels/cpu/indices.h"

#include "core/tensor/pool.h"
#include "core/tensor/strided.h"

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

gt_status gt_index_range(const gt_call *c, const int64_t *index, int64_t n, int dim, int64_t size,
                         bool wraps) {
  int64_t low = wraps ? -size : 0, outside = 0;
  for (int64_t i = 0; i < n; i++) outside |= (index[i] < low) | (index[i] >= size);
  if (!outside) return GT_OK;
  int64_t at = 0;
  while (index[at] >= low && index[at] < size) at++;
  return gt_fail(c->cx, GT_EINDEX, "%s: index %lld is out of range for dimension %d of size %lld",
                 c->op->name, (long long)index[at], dim, (long long)size);
}

gt_status gt_index_read(gt_call *c, int input, const int64_t **out) {
  gt_tensor *t = c->in[input];
  if (t->dtype == GT_I64) {
    *out = gt_data(t);
    return GT_OK;
  }
  void *wide;
  int64_t n = gt_count(t);
  GT_TRY(gt_scratch(c->cx, c->device, (size_t)n * sizeof(int64_t), &wide));
  gt_convert(wide, GT_I64, gt_data(t), t->dtype, n);
  *out = wide;
  return GT_OK;
}

typedef struct take_plan {
  size_t size;
  gt_axis axis;
  const int64_t *index;
  int64_t n;
  const char *x;
  char *y;
} take_plan;

static void take_slices(void *argument, int64_t begin, int64_t end) {
  const take_plan *p = argument;
  size_t bytes = (size_t)p->axis.inner * p->size;
  for (int64_t i = begin; i < end; i++) {
    int64_t at = p->index[i % p->n];
    if (at < 0) at += p->axis.size;
    int64_t from = i / p->n * p->axis.size + at;
    memcpy(p->y + (size_t)i * bytes, p->x + (size_t)from * bytes, bytes);
  }
}

#define TAKE_LINE(type)                                                                            \
  do {                                                                                             \
    const type *x = (const type *)p->x;                                                            \
    type *y = (type *)p->y;                                                                        \
    for (int64_t i = begin; i < end; i++) {                                                        \
      int64_t at = p->index[i];                                                                    \
      y[i] = x[at < 0 ? at + p->axis.size : at];                                                   \
    }                                                                                              \
  } while (0)

/* Single elements of a 1-d x. */
static void take_elements(void *argument, int64_t begin, int64_t end) {
  const take_plan *p = argument;
  switch (p->size) {
  case 1:
    TAKE_LINE(gt_element1);
    break;
  case 2:
    TAKE_LINE(gt_element2);
    break;
  case 4:
    TAKE_LINE(gt_element4);
    break;
  default:
    TAKE_LINE(gt_element8);
    break;
  }
}

void gt_take(gt_ctx *cx, size_t size, gt_axis axis, const int64_t *index, int64_t n, const void *x,
             void *y) {
  enum { CHUNK_BYTES = 1 << 17 };
  take_plan p = {size, axis, index, n, x, y};
  int64_t bytes = axis.inner * (int64_t)size;
  if (n == 0 || bytes == 0 || axis.outer == 0) return;
  bool elements = axis.outer == 1 && axis.inner == 1;
  gt_parallel(cx, axis.outer * n, CHUNK_BYTES / bytes + 1, elements ? take_elements : take_slices,
              &p);
}

int gt_index_count(const gt_call *c, int first) {
  int count = 0;
  while (first + count < c->nin && c->in[first + count]) count++;
  return count;
}

/* The shape that the indices broadcast to. */
static gt_status broadcast_shape(gt_call *c, int first, int count, gt_spec *out) {
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
  GT_TRY(broadcast_shape(c, first, count, &spec));
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

/* Adds size * what is there and the positions of one more index, broadcast to `shape`. */
static gt_status add_positions(gt_call *c, int input, int dim, int64_t size, const gt_spec *shape,
                               int64_t *at) {
  const gt_spec *own = &c->in_spec[input];
  const int64_t *index;
  int64_t stride[GT_MAX_DIM], spread[GT_MAX_DIM], to[GT_MAX_DIM], n = gt_spec_count(shape);
  void *room;
  GT_TRY(gt_index_read(c, input, &index));
  GT_TRY(gt_index_range(c, index, gt_spec_count(own), dim, size, true));
  GT_TRY(gt_scratch(c->cx, c->device, (size_t)n * sizeof *at, &room));
  gt_row_major(own->ndim, own->shape, stride);
  gt_row_major(shape->ndim, shape->shape, to);
  int added = shape->ndim - own->ndim;
  for (int d = 0; d < shape->ndim; d++)
    spread[d] = d < added || own->shape[d - added] == 1 ? 0 : stride[d - added];
  gt_strided_copy(c->cx, sizeof *at, shape->ndim, shape->shape, room, to, index, spread);
  const int64_t *one = room;
  for (int64_t i = 0; i < n; i++) at[i] = at[i] * size + (one[i] < 0 ? one[i] + size : one[i]);
  return GT_OK;
}

gt_status gt_index_positions(gt_call *c, int x, int first, const int64_t **out, int64_t *n) {
  int count = gt_index_count(c, first);
  gt_spec shape;
  void *room;
  GT_TRY(broadcast_shape(c, first, count, &shape));
  int64_t total = gt_spec_count(&shape);
  GT_TRY(gt_scratch(c->cx, c->device, (size_t)total * sizeof(int64_t), &room));
  memset(room, 0, (size_t)total * sizeof(int64_t));
  for (int i = 0; i < count; i++)
    GT_TRY(add_positions(c, first + i, i, c->in_spec[x].shape[i], &shape, room));
  *out = room;
  *n = total;
  return GT_OK;
}
