/* tensor.c: life and geometry of tensors and their storages.  Moving elements is copy.c. */
#include "core/tensor/tensor.h"

#include "core/tensor/allocator.h"
#include "core/tensor/graph.h"
#include "core/tensor/text.h"

#include <stdio.h>
#include <stdlib.h>

int64_t gt_spec_count(const gt_spec *spec) {
  int64_t n = 1;
  for (int d = 0; d < spec->ndim; d++) n *= spec->shape[d];
  return n;
}

int64_t gt_count(const gt_tensor *t) {
  int64_t n = 1;
  for (int d = 0; d < t->ndim; d++) n *= t->shape[d];
  return n;
}

gt_spec gt_spec_make(gt_dtype dtype, int ndim, const int64_t *shape) {
  gt_spec spec = {.dtype = dtype, .ndim = ndim};
  for (int d = 0; d < ndim; d++) spec.shape[d] = shape[d];
  return spec;
}

gt_spec gt_spec_of(const gt_tensor *t) { return gt_spec_make(t->dtype, t->ndim, t->shape); }

bool gt_same_shape(const gt_spec *a, const gt_spec *b) {
  return a->ndim == b->ndim && memcmp(a->shape, b->shape, (size_t)a->ndim * sizeof *a->shape) == 0;
}

const char *gt_shape_text(const gt_spec *spec, char text[GT_SHAPE_TEXT]) {
  int length = snprintf(text, GT_SHAPE_TEXT, "(");
  for (int d = 0; d < spec->ndim; d++)
    length += snprintf(text + length, (size_t)(GT_SHAPE_TEXT - length), d > 0 ? ", %lld" : "%lld",
                       (long long)spec->shape[d]);
  snprintf(text + length, (size_t)(GT_SHAPE_TEXT - length), ")");
  return text;
}

/* Bytes of a tensor with this spec; refuses what cannot exist. */
static gt_status spec_bytes(gt_ctx *cx, const gt_spec *spec, size_t *out) {
  char text[GT_SHAPE_TEXT];
  int64_t bytes = (int64_t)gt_dtype_size(spec->dtype);
  bool overflow = false, empty = false;
  for (int d = 0; d < spec->ndim; d++) {
    if (spec->shape[d] < 0)
      return gt_fail(cx, GT_ESHAPE, "expected non-negative sizes, got %s",
                     gt_shape_text(spec, text));
    if (spec->shape[d] == 0)
      empty = true;
    else
      overflow |= __builtin_mul_overflow(bytes, spec->shape[d], &bytes);
  }
  if (overflow)
    return gt_fail(cx, GT_ESHAPE, "expected a size that memory can hold, got %s",
                   gt_shape_text(spec, text));
  *out = empty ? 0 : (size_t)bytes;
  return GT_OK;
}

void gt_storage_unref(gt_ctx *cx, gt_storage *storage) {
  if (storage == NULL || --storage->refs > 0) return;
  gt_deallocate(cx, storage->device, storage->data, storage->bytes);
  gt_free(storage);
}

static void contiguous_strides(gt_tensor *t) {
  int64_t stride = 1;
  for (int d = t->ndim - 1; d >= 0; d--) {
    t->stride[d] = stride;
    stride *= t->shape[d] > 0 ? t->shape[d] : 1;
  }
}

typedef gt_status (*allocate)(gt_ctx *, const gt_backend *, size_t, void **);

static gt_status tensor_new(gt_ctx *cx, const gt_spec *spec, const gt_backend *device,
                            allocate allocate_data, gt_tensor **out) {
  size_t bytes = 0;
  if (spec->ndim > GT_MAX_DIM)
    return gt_fail(cx, GT_ESHAPE, "expected at most %d dimensions, got %d", GT_MAX_DIM, spec->ndim);
  GT_TRY(spec_bytes(cx, spec, &bytes));
  gt_tensor *t = gt_malloc(cx, sizeof *t);
  gt_storage *storage = gt_malloc(cx, sizeof *storage);
  gt_status status = t == NULL || storage == NULL ? GT_ENOMEM : GT_OK;
  void *data = NULL;
  if (status == GT_OK) status = allocate_data(cx, device, bytes, &data);
  if (status != GT_OK) {
    gt_free(t);
    gt_free(storage);
    return status;
  }
  *storage = (gt_storage){.refs = 1, .device = device, .bytes = bytes, .data = data};
  *t = (gt_tensor){.refs = 1, .dtype = spec->dtype, .ndim = spec->ndim, .storage = storage};
  memcpy(t->shape, spec->shape, (size_t)spec->ndim * sizeof *t->shape);
  contiguous_strides(t);
  *out = t;
  return GT_OK;
}

gt_status gt_tensor_new(gt_ctx *cx, const gt_spec *spec, const gt_backend *device,
                        gt_tensor **out) {
  return tensor_new(cx, spec, device, gt_allocate, out);
}

gt_status gt_tensor_zeros(gt_ctx *cx, const gt_spec *spec, const gt_backend *device,
                          gt_tensor **out) {
  return tensor_new(cx, spec, device, gt_allocate_zeros, out);
}

gt_status gt_check_scalar(gt_ctx *cx, const char *name, gt_dtype dtype, gt_scalar x) {
  if (gt_dtype_holds(dtype, x)) return GT_OK;
  char number[GT_NUMBER_TEXT], whole[24];
  int64_t low, high;
  snprintf(whole, sizeof whole, "%lld", (long long)x.i);
  const char *text = x.whole ? whole : gt_number_text(x.f, number);
  if (gt_dtype_is_float(dtype))
    return gt_fail(cx, GT_EDTYPE, "%s: expected a number that %s can hold, got %s", name,
                   gt_dtype_name(dtype), text);
  gt_dtype_range(dtype, &low, &high);
  return gt_fail(cx, GT_EDTYPE, "%s: expected a number that %s can hold, %lld to %lld, got %s",
                 name, gt_dtype_name(dtype), (long long)low, (long long)high, text);
}

gt_status gt_tensor_scalar(gt_ctx *cx, gt_dtype dtype, double f, int64_t i, gt_tensor **out) {
  gt_spec spec = {.dtype = dtype};
  gt_tensor *t = NULL;
  GT_TRY(gt_tensor_new(cx, &spec, cx->cpu, &t));
  gt_store_scalar(t->storage->data, dtype,
                  gt_dtype_is_float(dtype) ? gt_scalar_real(f) : gt_scalar_whole(i));
  t->wrapped = true;
  *out = t;
  return GT_OK;
}

gt_status gt_tensor_view(gt_ctx *cx, gt_tensor *base, int ndim, const int64_t *shape,
                         const int64_t *stride, int64_t offset, gt_tensor **out) {
  if (ndim > GT_MAX_DIM)
    return gt_fail(cx, GT_ESHAPE, "expected at most %d dimensions, got %d", GT_MAX_DIM, ndim);
  gt_spec spec = gt_spec_make(base->dtype, ndim, shape);
  size_t bytes;
  /* An expanded view can be larger than memory, not countless. */
  GT_TRY(spec_bytes(cx, &spec, &bytes));
  gt_tensor *t = gt_malloc(cx, sizeof *t);
  if (t == NULL) return GT_ENOMEM;
  *t = (gt_tensor){
      .refs = 1, .dtype = base->dtype, .ndim = ndim, .offset = offset, .storage = base->storage};
  for (int d = 0; d < ndim; d++) {
    t->shape[d] = shape[d];
    t->stride[d] = stride[d];
  }
  base->storage->refs++;
  *out = t;
  return GT_OK;
}

gt_tensor *gt_tensor_ref(gt_tensor *t) {
  if (t != NULL) t->refs++;
  return t;
}

void gt_tensor_unref(gt_ctx *cx, gt_tensor *t) {
  while (t != NULL && --t->refs == 0) {
    gt_tensor *grad = t->grad;
    if (t->node != NULL) gt_node_unref(cx, t->node);
    gt_storage_unref(cx, t->storage);
    gt_free(t);
    t = grad; /* a loop, because gradients could have gradients */
  }
}

bool gt_is_contiguous(const gt_tensor *t) {
  int64_t stride = 1;
  for (int d = t->ndim - 1; d >= 0; d--) {
    if (t->shape[d] == 0) return true;
    if (t->shape[d] != 1 && t->stride[d] != stride) return false;
    stride *= t->shape[d];
  }
  return true;
}

const gt_backend *gt_device_of(const gt_tensor *t) { return t->storage->device; }

void *gt_data(const gt_tensor *t) {
  if (t->storage->data == NULL) return NULL;
  return (char *)t->storage->data + t->offset * (int64_t)gt_dtype_size(t->dtype);
}

void gt_touch(gt_tensor *t) { t->storage->version++; }

void gt_tensor_assign(gt_ctx *cx, gt_tensor *to, gt_tensor *from) {
  gt_storage *old = to->storage;
  from->storage->refs++;
  to->storage = from->storage;
  to->dtype = from->dtype;
  to->ndim = from->ndim;
  to->offset = from->offset;
  memcpy(to->shape, from->shape, sizeof to->shape);
  memcpy(to->stride, from->stride, sizeof to->stride);
  gt_storage_unref(cx, old);
}
