/* geometry.c: shapes, strides, index tensors. */
#include "kernels/geometry.h"

#include "core/tensor/pool.h"
#include "core/tensor/strided.h"

#include <stdio.h>

gt_axis gt_axis_at(const gt_spec *spec, int dim) {
  gt_axis axis = {1, 1, 1};
  for (int d = 0; d < spec->ndim; d++) {
    if (d < dim)
      axis.outer *= spec->shape[d];
    else if (d == dim)
      axis.size = spec->shape[d];
    else
      axis.inner *= spec->shape[d];
  }
  return axis;
}

void gt_row_major(int ndim, const int64_t *shape, int64_t *stride) {
  int64_t step = 1;
  for (int d = ndim - 1; d >= 0; d--) {
    stride[d] = step;
    /* Of an empty tensor other sizes may be huge; its strides are never walked. */
    if (__builtin_mul_overflow(step, shape[d], &step)) step = 1;
  }
}

gt_value gt_dims_value(int n, const int64_t *at) {
  gt_value value = {.given = true, .dims = {.count = n}};
  for (int d = 0; d < n; d++) value.dims.at[d] = at[d];
  return value;
}

gt_value gt_shape_value(const gt_spec *spec) { return gt_dims_value(spec->ndim, spec->shape); }

gt_status gt_shape_infer(gt_call *c, const gt_dims *wanted, gt_spec *out) {
  const char *op = c->op->name;
  int64_t count = gt_spec_count(&c->in_spec[0]), known = 1;
  int unknown = -1;
  char text[GT_SHAPE_TEXT];
  gt_spec spec = gt_spec_make(c->in_spec[0].dtype, wanted->count, wanted->at);
  gt_shape_text(&spec, text);
  for (int d = 0; d < spec.ndim; d++) {
    if (spec.shape[d] == -1) {
      if (unknown >= 0)
        return gt_fail(c->cx, GT_ESHAPE, "%s: only one dimension can be inferred, got %s", op,
                       text);
      unknown = d;
    } else if (spec.shape[d] < 0) {
      return gt_fail(c->cx, GT_ESHAPE, "%s: expected sizes >= -1, got %s", op, text);
    } else if (__builtin_mul_overflow(known, spec.shape[d], &known)) {
      return gt_fail(c->cx, GT_ESHAPE, "%s: shape %s is too large", op, text);
    }
  }
  if (unknown >= 0 && known == 0)
    return gt_fail(c->cx, GT_ESHAPE, "%s: -1 is ambiguous in shape %s of 0 elements", op, text);
  if (unknown >= 0 && count % known == 0)
    spec.shape[unknown] = count / known;
  else if (unknown >= 0 || known != count)
    return gt_fail(c->cx, GT_ESHAPE, "%s: shape %s is invalid for input of size %lld", op, text,
                   (long long)count);
  *out = spec;
  return GT_OK;
}

bool gt_view_strides(const gt_tensor *t, const gt_spec *to, int64_t *stride) {
  if (gt_count(t) == 0 || t->ndim == 0) {
    gt_row_major(to->ndim, to->shape, stride);
    return true;
  }
  /* Walk both shapes from the right: each run of t's dimensions that lie behind each other in
   * memory must be filled exactly by a run of the new ones. */
  int at = to->ndim - 1;
  int64_t step = t->stride[t->ndim - 1], have = 1, taken = 1;
  for (int d = t->ndim - 1; d >= 0; d--) {
    have *= t->shape[d];
    bool ends = d == 0 || (t->shape[d - 1] != 1 && t->stride[d - 1] != have * step);
    if (!ends) continue;
    while (at >= 0 && (taken < have || to->shape[at] == 1)) {
      stride[at] = taken * step;
      taken *= to->shape[at--];
    }
    if (taken != have) return false;
    if (d > 0) step = t->stride[d - 1];
    have = taken = 1;
  }
  return at < 0;
}

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
