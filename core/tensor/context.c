/* context.c: making and ending a session, its messages, allocation, scratch memory, interrupt
 * flag and op table. */
#include "core/tensor/allocator.h"
#include "core/tensor/op.h"
#include "core/tensor/pool.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static uint32_t name_hash(const char *name) {
  uint32_t h = 2166136261u; /* FNV-1a */
  for (; *name != 0; name++) h = (h ^ (unsigned char)*name) * 16777619u;
  return h ^ h >> 15;
}

/* Slots of the op table: a power of two, at most half full. */
static uint32_t index_size(int op_count) {
  uint32_t size = 16;
  while (size < 2u * (uint32_t)op_count) size *= 2;
  return size;
}

static gt_status index_ops(gt_ctx *cx) {
  uint32_t size = index_size(cx->op_count);
  cx->op_index = gt_malloc(cx, size * sizeof *cx->op_index);
  if (cx->op_index == NULL) return GT_ENOMEM;
  for (uint32_t i = 0; i < size; i++) cx->op_index[i] = -1;
  for (int op = 0; op < cx->op_count; op++) {
    if (cx->ops[op]->attr_count > GT_MAX_ATTR || cx->ops[op]->nout > GT_MAX_OUT) return GT_EARG;
    uint32_t slot = name_hash(cx->ops[op]->name) & (size - 1);
    while (cx->op_index[slot] >= 0) slot = (slot + 1) & (size - 1);
    cx->op_index[slot] = op;
  }
  return GT_OK;
}

gt_status gt_ctx_new(const gt_config *config, gt_ctx **out) {
  gt_ctx *cx = calloc(1, sizeof *cx);
  if (cx == NULL) return GT_ENOMEM;
  cx->cpu = config->cpu;
  cx->ops = config->ops;
  cx->op_count = config->op_count;
  cx->cuda_library = config->cuda_library;
  cx->grad_enabled = true;
  cx->fail_after = -1;
  gt_status status = index_ops(cx);
  if (status == GT_OK) status = gt_backend_add(cx, cx->cpu);
  if (status == GT_OK) status = gt_backend_add(cx, &gt_backend_meta);
  if (status == GT_OK) status = gt_pool_new(cx, config->threads, &cx->pool);
  if (status != GT_OK) {
    gt_ctx_free(cx);
    return status;
  }
  *out = cx;
  return GT_OK;
}

void gt_ctx_free(gt_ctx *cx) {
  if (cx == NULL) return;
  gt_pool_free(cx->pool);
  gt_backends_free(cx);
  free(cx->op_index);
  free(cx);
}

gt_status gt_fail(gt_ctx *cx, gt_status status, const char *format, ...) {
  char text[GT_MESSAGE_MAX]; /* the arguments may point into the old message */
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  memcpy(cx->message, text, sizeof text);
  return status;
}

bool gt_fault(gt_ctx *cx) {
  if (cx->fail_after < 0) return false;
  if (cx->fail_after > 0) {
    cx->fail_after--;
    return false;
  }
  if (!cx->fail_persist) cx->fail_after = -1;
  return true;
}

void *gt_malloc(gt_ctx *cx, size_t bytes) {
  void *block = gt_fault(cx) ? NULL : malloc(bytes > 0 ? bytes : 1);
  if (block == NULL) gt_fail(cx, GT_ENOMEM, "out of memory: %zu bytes", bytes);
  return block;
}

void *gt_calloc(gt_ctx *cx, size_t count, size_t size) {
  size_t bytes = 0;
  bool overflow = __builtin_mul_overflow(count, size, &bytes);
  void *block = overflow || gt_fault(cx) ? NULL : calloc(1, bytes > 0 ? bytes : 1);
  if (block == NULL) gt_fail(cx, GT_ENOMEM, "out of memory: %zu x %zu bytes", count, size);
  return block;
}

void *gt_realloc(gt_ctx *cx, void *old, size_t bytes) {
  void *block = gt_fault(cx) ? NULL : realloc(old, bytes > 0 ? bytes : 1);
  if (block == NULL) gt_fail(cx, GT_ENOMEM, "out of memory: %zu bytes", bytes);
  return block;
}

char *gt_strdup(gt_ctx *cx, const char *text) {
  size_t bytes = strlen(text) + 1;
  char *copy = gt_malloc(cx, bytes);
  return copy == NULL ? NULL : memcpy(copy, text, bytes);
}

gt_status gt_grow(gt_ctx *cx, void *list, int64_t count, int64_t *capacity, size_t size) {
  if (count < *capacity) return GT_OK;
  int64_t doubled = *capacity > 0 ? 2 * *capacity : 8;
  void *items;
  memcpy(&items, list, sizeof items);
  items = gt_realloc(cx, items, (size_t)doubled * size);
  if (items == NULL) return GT_ENOMEM;
  memcpy(list, &items, sizeof items);
  *capacity = doubled;
  return GT_OK;
}

gt_status gt_scratch(gt_ctx *cx, const gt_backend *device, size_t bytes, void **out) {
  if (cx->scratch_count == GT_MAX_SCRATCH)
    return gt_fail(cx, GT_ENOMEM, "out of scratch blocks: at most %d at a time", GT_MAX_SCRATCH);
  void *data = NULL;
  GT_TRY(gt_allocate(cx, device, bytes, &data));
  cx->scratch[cx->scratch_count].data = data;
  cx->scratch[cx->scratch_count].bytes = bytes;
  cx->scratch[cx->scratch_count].device = device;
  cx->scratch_count++;
  *out = data;
  return GT_OK;
}

void gt_scratch_release(gt_ctx *cx, int keep) {
  while (cx->scratch_count > keep) {
    cx->scratch_count--;
    gt_deallocate(cx, cx->scratch[cx->scratch_count].device, cx->scratch[cx->scratch_count].data,
                  cx->scratch[cx->scratch_count].bytes);
  }
}

void gt_interrupt(gt_ctx *cx) { __atomic_store_n(&cx->interrupted, 1, __ATOMIC_RELAXED); }
void gt_interrupt_clear(gt_ctx *cx) { __atomic_store_n(&cx->interrupted, 0, __ATOMIC_RELAXED); }

gt_status gt_poll(gt_ctx *cx) {
  return gt_stopped(cx) ? gt_fail(cx, GT_EINTR, "interrupted") : GT_OK;
}

int gt_op_find(const gt_ctx *cx, const char *name) {
  uint32_t size = index_size(cx->op_count);
  for (uint32_t slot = name_hash(name) & (size - 1); cx->op_index[slot] >= 0;
       slot = (slot + 1) & (size - 1)) {
    if (strcmp(cx->ops[cx->op_index[slot]]->name, name) == 0) return cx->op_index[slot];
  }
  return -1;
}
