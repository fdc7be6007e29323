/* copy.c: moving elements between tensors of any strides, dtypes and devices. */
#include "core/tensor/allocator.h"
#include "core/tensor/graph.h"
#include "core/tensor/pool.h"
#include "core/tensor/strided.h"

#define GRAIN ((int64_t)1 << 13) /* elements per chunk of a conversion */

typedef struct convert_job {
  char *to;
  const char *from;
  gt_dtype to_dtype, from_dtype;
} convert_job;

static void convert_chunk(void *argument, int64_t begin, int64_t end) {
  const convert_job *job = argument;
  gt_convert(job->to + (size_t)begin * gt_dtype_size(job->to_dtype), job->to_dtype,
             job->from + (size_t)begin * gt_dtype_size(job->from_dtype), job->from_dtype,
             end - begin);
}

static void convert(gt_ctx *cx, void *to, gt_dtype to_dtype, const void *from, gt_dtype from_dtype,
                    int64_t n) {
  convert_job job = {to, from, to_dtype, from_dtype};
  gt_parallel_shielded(cx, n, GRAIN, convert_chunk, &job);
}

static gt_status flat_copy(gt_ctx *cx, void *to, const gt_device *to_device, const void *from,
                           const gt_device *from_device, size_t bytes) {
  const gt_device *device = to_device->kind == GT_CPU ? from_device : to_device;
  return device->copy(cx, to, to_device, from, from_device, bytes);
}

/* A new contiguous tensor like t, elsewhere or of another dtype; the elements are not copied. */
static gt_status empty_like(gt_ctx *cx, const gt_tensor *t, gt_dtype dtype, const gt_device *device,
                            gt_tensor **out) {
  gt_spec spec = gt_spec_make(dtype, t->ndim, t->shape);
  return gt_tensor_new(cx, &spec, device, out);
}

/* Both on the CPU, one dtype, no overlap. */
static void copy_same_dtype(gt_ctx *cx, gt_tensor *to, const gt_tensor *from) {
  gt_strided_copy(cx, gt_dtype_size(to->dtype), to->ndim, to->shape, gt_data(to), to->stride,
                  gt_data(from), from->stride);
}

/* Both on the CPU, no overlap. */
static gt_status copy_cpu(gt_ctx *cx, gt_tensor *to, const gt_tensor *from) {
  if (to->dtype == from->dtype) {
    copy_same_dtype(cx, to, from);
    return GT_OK;
  }
  int64_t n = gt_count(to);
  bool to_flat = gt_is_contiguous(to), from_flat = gt_is_contiguous(from);
  if (to_flat && from_flat) {
    convert(cx, gt_data(to), to->dtype, gt_data(from), from->dtype, n);
    return GT_OK;
  }
  gt_tensor *middle = NULL; /* contiguous, of whichever dtype saves a second copy */
  GT_TRY(empty_like(cx, to, from_flat ? to->dtype : from->dtype, &gt_device_cpu, &middle));
  if (from_flat) {
    convert(cx, gt_data(middle), to->dtype, gt_data(from), from->dtype, n);
    copy_same_dtype(cx, to, middle);
  } else {
    copy_same_dtype(cx, middle, from);
    gt_status status = copy_cpu(cx, to, middle);
    gt_tensor_unref(cx, middle);
    return status;
  }
  gt_tensor_unref(cx, middle);
  return GT_OK;
}

/* The whole storage of t on the CPU, seen with t's geometry. */
static gt_status to_host(gt_ctx *cx, gt_tensor *t, gt_tensor **out) {
  int64_t elements = (int64_t)(t->storage->bytes / gt_dtype_size(t->dtype));
  gt_spec spec = gt_spec_make(t->dtype, 1, &elements);
  gt_tensor *flat = NULL;
  GT_TRY(gt_tensor_new(cx, &spec, &gt_device_cpu, &flat));
  gt_status status = flat_copy(cx, flat->storage->data, &gt_device_cpu, t->storage->data,
                               t->storage->device, t->storage->bytes);
  if (status == GT_OK) status = t->storage->device->sync(cx, t->storage->device);
  if (status == GT_OK)
    status = gt_tensor_view(cx, flat, t->ndim, t->shape, t->stride, t->offset, out);
  gt_tensor_unref(cx, flat);
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

/* Copies into a device tensor by way of the host where a flat copy does not do. */
static gt_status copy_to_device(gt_ctx *cx, gt_tensor *to, gt_tensor *from) {
  const gt_device *device = to->storage->device;
  size_t bytes = (size_t)gt_count(to) * gt_dtype_size(to->dtype);
  if (gt_is_contiguous(to) && gt_is_contiguous(from) && to->dtype == from->dtype)
    return flat_copy(cx, gt_data(to), device, gt_data(from), from->storage->device, bytes);
  gt_tensor *host = NULL;
  if (gt_is_contiguous(to)) {
    GT_TRY(empty_like(cx, to, to->dtype, &gt_device_cpu, &host));
  } else {
    GT_TRY(to_host(cx, to, &host)); /* the elements between its own must survive */
  }
  gt_status status = gt_copy(cx, host, from);
  if (status == GT_OK && gt_is_contiguous(to))
    status = flat_copy(cx, gt_data(to), device, gt_data(host), &gt_device_cpu, bytes);
  else if (status == GT_OK)
    status = flat_copy(cx, to->storage->data, device, host->storage->data, &gt_device_cpu,
                       to->storage->bytes);
  gt_tensor_unref(cx, host);
  return status;
}

static gt_status copy_distinct(gt_ctx *cx, gt_tensor *to, gt_tensor *from) {
  const gt_device *to_device = to->storage->device, *from_device = from->storage->device;
  if (to_device->kind == GT_META) return GT_OK;
  if (from_device->kind == GT_META)
    return gt_fail(cx, GT_EDEVICE, "copy: a meta tensor has no data");
  if (to_device->kind != GT_CPU) return copy_to_device(cx, to, from);
  if (from_device->kind == GT_CPU) return copy_cpu(cx, to, from);
  gt_tensor *host = NULL;
  GT_TRY(to_host(cx, from, &host));
  gt_status status = copy_cpu(cx, to, host);
  gt_tensor_unref(cx, host);
  return status;
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

gt_status gt_copy_new(gt_ctx *cx, gt_tensor *t, gt_dtype dtype, const gt_device *device,
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
  if (t->storage->device->kind == GT_META)
    return gt_fail(cx, GT_EDEVICE, "read: a meta tensor has no data");
  gt_tensor *flat = NULL;
  int64_t n = gt_count(t);
  if (n == 0) return GT_OK;
  GT_TRY(t->storage->device->kind == GT_CPU ? gt_contiguous(cx, t, &flat)
                                            : gt_copy_new(cx, t, t->dtype, &gt_device_cpu, &flat));
  convert(cx, out, dtype, gt_data(flat), t->dtype, n);
  gt_tensor_unref(cx, flat);
  return GT_OK;
}

gt_status gt_item(gt_ctx *cx, gt_tensor *t, double *f, int64_t *i) {
  char text[GT_SHAPE_TEXT];
  gt_spec spec = gt_spec_of(t);
  if (gt_spec_count(&spec) != 1)
    return gt_fail(cx, GT_EARG, "item: expected a tensor with 1 element, got %s with %lld",
                   gt_shape_text(&spec, text), (long long)gt_spec_count(&spec));
  double real;
  int64_t whole;
  GT_TRY(gt_read(cx, t, GT_F64, &real));
  GT_TRY(gt_read(cx, t, GT_I64, &whole));
  if (f != NULL) *f = real;
  if (i != NULL) *i = whole;
  return GT_OK;
}
