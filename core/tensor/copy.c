/* copy.c: moving elements between tensors of any strides, dtypes and devices. */
#include "core/tensor/graph.h"

static int64_t magnitude(int64_t stride) { return stride < 0 ? -stride : stride; }

void gt_copying_simplify(gt_copying *c) {
  int n = 0;
  for (int d = 0; d < c->ndim; d++) {
    int64_t size = c->shape[d], to = c->to_stride[d], from = c->from_stride[d];
    if (size == 1) continue;
    int at = n++;
    while (at > 0 && magnitude(c->to_stride[at - 1]) < magnitude(to)) {
      c->shape[at] = c->shape[at - 1];
      c->to_stride[at] = c->to_stride[at - 1];
      c->from_stride[at] = c->from_stride[at - 1];
      at--;
    }
    c->shape[at] = size;
    c->to_stride[at] = to;
    c->from_stride[at] = from;
  }
  int last = 0;
  for (int d = 1; d < n; d++) {
    if (c->to_stride[last] == c->to_stride[d] * c->shape[d] &&
        c->from_stride[last] == c->from_stride[d] * c->shape[d]) {
      c->shape[last] *= c->shape[d];
    } else {
      c->shape[++last] = c->shape[d];
    }
    c->to_stride[last] = c->to_stride[d];
    c->from_stride[last] = c->from_stride[d];
  }
  c->ndim = n > 0 ? last + 1 : 0;
}

/* A new contiguous tensor like t, elsewhere or of another dtype; the elements are not copied. */
static gt_status empty_like(gt_ctx *cx, const gt_tensor *t, gt_dtype dtype,
                            const gt_backend *device, gt_tensor **out) {
  gt_spec spec = gt_spec_make(dtype, t->ndim, t->shape);
  return gt_tensor_new(cx, &spec, device, out);
}

gt_status gt_move(gt_ctx *cx, const gt_backend *device, int ndim, const int64_t *shape, void *to,
                  gt_dtype to_dtype, const int64_t *to_stride, const void *from,
                  gt_dtype from_dtype, const int64_t *from_stride) {
  gt_copying c = {
      .ndim = ndim, .to = to, .to_dtype = to_dtype, .from = from, .from_dtype = from_dtype};
  for (int d = 0; d < ndim; d++) {
    c.shape[d] = shape[d];
    c.to_stride[d] = to_stride[d];
    c.from_stride[d] = from_stride[d];
  }
  return device->strided_copy(cx, device, &c);
}

/* Both on one device, no overlap. */
static gt_status copy_within(gt_ctx *cx, const gt_tensor *to, const gt_tensor *from) {
  return gt_move(cx, to->storage->device, to->ndim, to->shape, gt_data(to), to->dtype, to->stride,
                 gt_data(from), from->dtype, from->stride);
}

/* Between two devices.  What travels is contiguous and of the narrower dtype: it is packed where it
 * comes from, and spread where it arrives. */
static gt_status copy_across(gt_ctx *cx, gt_tensor *to, gt_tensor *from) {
  const gt_backend *to_device = to->storage->device, *from_device = from->storage->device;
  bool widened = gt_dtype_size(to->dtype) > gt_dtype_size(from->dtype);
  gt_dtype dtype = widened ? from->dtype : to->dtype;
  gt_tensor *packed = NULL, *landed = NULL;
  gt_status status = GT_OK;
  if (from->dtype == dtype && gt_is_contiguous(from))
    packed = gt_tensor_ref(from);
  else
    status = gt_copy_new(cx, from, dtype, from_device, &packed);
  if (status == GT_OK && to->dtype == dtype && gt_is_contiguous(to))
    landed = gt_tensor_ref(to);
  else if (status == GT_OK)
    status = empty_like(cx, to, dtype, to_device, &landed);
  if (status == GT_OK)
    status = (to_device->host ? from_device : to_device)
                 ->copy(cx, gt_data(landed), to_device, gt_data(packed), from_device,
                        (size_t)gt_count(to) * gt_dtype_size(dtype));
  if (status == GT_OK && landed != to) status = copy_within(cx, to, landed);
  gt_tensor_unref(cx, packed);
  gt_tensor_unref(cx, landed);
  return status;
}

/* True when both see the same elements in the same order. */
static bool same_geometry(const gt_tensor *a, const gt_tensor *b) {
  size_t bytes = (size_t)a->ndim * sizeof *a->shape;
  return a->storage == b->storage && a->dtype == b->dtype && a->offset == b->offset &&
         a->ndim == b->ndim && memcmp(a->shape, b->shape, bytes) == 0 &&
         memcmp(a->stride, b->stride, bytes) == 0;
}

/* True when an expanded dimension makes several elements one. */
static bool is_expanded(const gt_tensor *t) {
  for (int d = 0; d < t->ndim; d++) {
    if (t->shape[d] > 1 && t->stride[d] == 0) return true;
  }
  return false;
}

static gt_status copy_distinct(gt_ctx *cx, gt_tensor *to, gt_tensor *from) {
  if (!to->storage->device->data) return GT_OK;
  if (!from->storage->device->data)
    return gt_fail(cx, GT_EDEVICE, "copy: a meta tensor has no data");
  return to->storage->device == from->storage->device ? copy_within(cx, to, from)
                                                      : copy_across(cx, to, from);
}

gt_status gt_copy(gt_ctx *cx, gt_tensor *to, gt_tensor *from) {
  gt_spec a = gt_spec_of(to), b = gt_spec_of(from);
  char expected[GT_SHAPE_TEXT], got[GT_SHAPE_TEXT];
  if (!gt_same_shape(&a, &b))
    return gt_fail(cx, GT_ESHAPE, "copy: expected shape %s, got %s", gt_shape_text(&a, expected),
                   gt_shape_text(&b, got));
  if (same_geometry(to, from) || gt_spec_count(&a) == 0) return GT_OK;
  if (is_expanded(to))
    return gt_fail(cx, GT_EARG,
                   "copy: expected a target with distinct elements, got an expanded"
                   " tensor; clone it first");
  bool shielded = cx->shielded;
  gt_tensor *source = gt_tensor_ref(from);
  gt_status status = GT_OK;
  cx->shielded = true; /* half a copy is worse than a late interrupt */
  if (to->storage == from->storage && to->storage->data != NULL) {
    gt_tensor_unref(cx, source);
    source = NULL;
    status = empty_like(cx, from, from->dtype, from->storage->device, &source);
    if (status == GT_OK) status = copy_distinct(cx, source, from);
  }
  if (status == GT_OK) status = copy_distinct(cx, to, source);
  if (status == GT_OK) gt_touch(to);
  gt_tensor_unref(cx, source);
  cx->shielded = shielded;
  return status;
}

gt_status gt_copy_new(gt_ctx *cx, gt_tensor *t, gt_dtype dtype, const gt_backend *device,
                      gt_tensor **out) {
  gt_tensor *copy = NULL;
  GT_TRY(empty_like(cx, t, dtype, device, &copy));
  gt_status status = gt_copy(cx, copy, t);
  if (status == GT_OK)
    *out = copy;
  else
    gt_tensor_unref(cx, copy);
  return status;
}

gt_status gt_contiguous(gt_ctx *cx, gt_tensor *t, gt_tensor **out) {
  if (!gt_is_contiguous(t)) return gt_copy_new(cx, t, t->dtype, t->storage->device, out);
  *out = gt_tensor_ref(t);
  return GT_OK;
}

gt_status gt_read(gt_ctx *cx, gt_tensor *t, gt_dtype dtype, void *out) {
  if (!t->storage->device->data) return gt_fail(cx, GT_EDEVICE, "read: a meta tensor has no data");
  int64_t n = gt_count(t);
  if (n == 0) return GT_OK;
  gt_tensor *here = NULL;
  if (t->storage->device->host)
    here = gt_tensor_ref(t);
  else
    GT_TRY(gt_copy_new(cx, t, t->dtype, cx->cpu, &here));
  int64_t stride[GT_MAX_DIM], step = 1;
  for (int d = t->ndim - 1; d >= 0; d--) {
    stride[d] = step;
    step *= t->shape[d];
  }
  bool shielded = cx->shielded;
  cx->shielded = true;
  /* True is any byte that is not zero: as bytes such are converted to one, not moved. */
  gt_dtype held = t->dtype == GT_BOOL && dtype == GT_BOOL ? GT_U8 : t->dtype;
  gt_status status = gt_move(cx, cx->cpu, t->ndim, t->shape, out, dtype, stride, gt_data(here),
                             held, here->stride);
  cx->shielded = shielded;
  gt_tensor_unref(cx, here);
  return status;
}

gt_status gt_item(gt_ctx *cx, gt_tensor *t, double *f, int64_t *i) {
  char text[GT_SHAPE_TEXT], element[8];
  gt_spec spec = gt_spec_of(t);
  if (gt_spec_count(&spec) != 1)
    return gt_fail(cx, GT_EARG, "item: expected a tensor with 1 element, got %s with %lld",
                   gt_shape_text(&spec, text), (long long)gt_spec_count(&spec));
  GT_TRY(gt_read(cx, t, t->dtype, element));
  gt_scalar x = gt_load_scalar(element, t->dtype);
  if (f != NULL) *f = x.f;
  if (i != NULL) *i = x.i;
  return GT_OK;
}
