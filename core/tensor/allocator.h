/* allocator.h: one caching arena per device.  Segments come from the device in multiples of 2 MiB
 * (huge pages on the CPU), blocks are cut from them best-fit and merged again when freed; nothing
 * goes back to the system while the program works, because a fresh page costs more than the work
 * done on it. */
#ifndef GT_ALLOCATOR_H
#define GT_ALLOCATOR_H

#include "core/tensor/context.h"

typedef struct gt_memory_stats {
  size_t live, cached, peak; /* bytes in use; bytes held from the device; most ever in use */
  uint64_t allocations;      /* count since start */
} gt_memory_stats;

gt_status gt_allocator_new(gt_ctx *cx, const gt_backend *device, gt_allocator **out);
void gt_allocator_free(gt_ctx *cx, gt_allocator *allocator);

/* 256-byte aligned memory; GT_ENOMEM after trimming the cache and trying once more. */
gt_status gt_allocate(gt_ctx *cx, const gt_backend *device, size_t bytes, void **out);
/* The same, all bytes zero; costs nothing where the memory is fresh from the system. */
gt_status gt_allocate_zeros(gt_ctx *cx, const gt_backend *device, size_t bytes, void **out);
/* `bytes` as it was asked for: on meta there is nothing else to tell blocks by. */
void gt_deallocate(gt_ctx *cx, const gt_backend *device, void *data, size_t bytes);

/* On meta: what its tensors would take on the CPU. */
gt_memory_stats gt_memory(const gt_ctx *cx, const gt_backend *device);
void gt_memory_reset_peak(gt_ctx *cx, const gt_backend *device);
/* Returns unused segments to the device (torch.empty_cache). */
void gt_memory_trim(gt_ctx *cx, const gt_backend *device);

#endif
