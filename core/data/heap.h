/* heap.h: a binary heap of keys, smallest first. */
#ifndef GT_HEAP_H
#define GT_HEAP_H

#include "core/tensor/context.h"

/* `first` decides, `second` among equals. */
typedef struct gt_key {
  uint64_t first, second;
} gt_key;

/* Zero-initialise; free with gt_heap_free. */
typedef struct gt_heap {
  gt_key *keys;
  size_t count, capacity;
} gt_heap;

gt_status gt_heap_push(gt_ctx *cx, gt_heap *heap, gt_key key);
gt_key gt_heap_pop(gt_heap *heap); /* count > 0 */
void gt_heap_free(gt_heap *heap);

#endif
