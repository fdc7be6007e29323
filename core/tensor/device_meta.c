/* device_meta.c: the device without memory.  Ops on it run their shape rules only. */
#include "core/tensor/context.h"

static gt_status meta_alloc(gt_ctx *cx, const gt_device *device, size_t bytes, void **out) {
  (void)cx, (void)device, (void)bytes;
  *out = NULL;
  return GT_OK;
}

static void meta_release(gt_ctx *cx, const gt_device *device, void *data, size_t bytes) {
  (void)cx, (void)device, (void)data, (void)bytes;
}

static gt_status meta_copy(gt_ctx *cx, void *to, const gt_device *to_device, const void *from,
                           const gt_device *from_device, size_t bytes) {
  (void)to, (void)from, (void)from_device, (void)bytes;
  if (to_device->kind == GT_META) return GT_OK;
  return gt_fail(cx, GT_EDEVICE, "meta: a meta tensor has no data to copy");
}

static gt_status meta_zero(gt_ctx *cx, const gt_device *device, void *data, size_t bytes) {
  (void)cx, (void)device, (void)data, (void)bytes;
  return GT_OK;
}

static gt_status meta_sync(gt_ctx *cx, const gt_device *device) {
  (void)cx, (void)device;
  return GT_OK;
}

static gt_status meta_memory(gt_ctx *cx, const gt_device *device, size_t *free_bytes,
                             size_t *total_bytes) {
  (void)cx, (void)device;
  *free_bytes = *total_bytes = SIZE_MAX;
  return GT_OK;
}

const gt_device gt_device_meta = {
    .kind = GT_META,
    .name = "meta",
    .alloc = meta_alloc,
    .release = meta_release,
    .copy = meta_copy,
    .zero = meta_zero,
    .sync = meta_sync,
    .memory = meta_memory,
};
