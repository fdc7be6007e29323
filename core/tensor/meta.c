/* meta.c: the backend without memory.  Ops on it run their shape rules only. */
#include "core/tensor/context.h"

static gt_status meta_sync(gt_ctx *cx, const gt_backend *backend) {
  (void)cx, (void)backend;
  return GT_OK;
}

static gt_status meta_memory(gt_ctx *cx, const gt_backend *backend, size_t *free_bytes,
                             size_t *total_bytes) {
  (void)cx, (void)backend;
  *free_bytes = *total_bytes = SIZE_MAX;
  return GT_OK;
}

/* Nothing is ever allocated, moved or made here: the allocator only counts, and whoever moves data
 * looks at `data` first. */
const gt_backend gt_backend_meta = {
    .name = "meta",
    .type = "meta",
    .index = -1,
    .slot = 1,
    .sync = meta_sync,
    .memory = meta_memory,
};
