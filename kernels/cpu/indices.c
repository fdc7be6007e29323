/* indices.c: see indices.h. */
#include "kernels/cpu/indices.h"

#include "core/tensor/pool.h"
#include "kernels/cpu/convert.h"
#include "kernels/cpu/strided.h"

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
  GT_TRY(gt_index_broadcast(c, first, count, &shape));
  int64_t total = gt_spec_count(&shape);
  GT_TRY(gt_scratch(c->cx, c->device, (size_t)total * sizeof(int64_t), &room));
  memset(room, 0, (size_t)total * sizeof(int64_t));
  for (int i = 0; i < count; i++)
    GT_TRY(add_positions(c, first + i, i, c->in_spec[x].shape[i], &shape, room));
  *out = room;
  *n = total;
  return GT_OK;
}
