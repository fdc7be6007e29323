/* heap.c: see heap.h. */
#include "core/data/heap.h"

static bool less(gt_key a, gt_key b) {
  return a.first != b.first ? a.first < b.first : a.second < b.second;
}

gt_status gt_heap_push(gt_ctx *cx, gt_heap *heap, gt_key key) {
  if (heap->count == heap->capacity) {
    size_t capacity = heap->capacity ? 2 * heap->capacity : 256;
    gt_key *keys = gt_realloc(cx, heap->keys, capacity * sizeof *keys);
    if (!keys) return GT_ENOMEM;
    heap->keys = keys;
    heap->capacity = capacity;
  }
  size_t at = heap->count++;
  for (; at && less(key, heap->keys[(at - 1) / 2]); at = (at - 1) / 2)
    heap->keys[at] = heap->keys[(at - 1) / 2];
  heap->keys[at] = key;
  return GT_OK;
}

gt_key gt_heap_pop(gt_heap *heap) {
  gt_key *keys = heap->keys, top = keys[0], last = keys[--heap->count];
  size_t at = 0;
  for (size_t child; (child = 2 * at + 1) < heap->count; at = child) {
    if (child + 1 < heap->count && less(keys[child + 1], keys[child])) child++;
    if (!less(keys[child], last)) break;
    keys[at] = keys[child];
  }
  keys[at] = last;
  return top;
}

void gt_heap_free(gt_heap *heap) {
  gt_free(heap->keys);
  *heap = (gt_heap){0};
}
