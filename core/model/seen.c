/* seen.c: a set of addresses: a table of 2^n places, linear probing, at most half full. */
#include "core/model/seen.h"

#include <stdlib.h>

static int place(const void *const *at, int capacity, const void *address) {
  uint64_t mixed = ((uint64_t)(uintptr_t)address >> 4) * 0x9E3779B97F4A7C15u;
  int i = (int)(mixed >> 33) & (capacity - 1);
  while (at[i] && at[i] != address) i = (i + 1) & (capacity - 1);
  return i;
}

static gt_status grow(gt_ctx *cx, gt_seen *seen) {
  int capacity = seen->capacity ? 2 * seen->capacity : 64;
  const void **at = gt_calloc(cx, (size_t)capacity, sizeof *at);
  if (!at) return GT_ENOMEM;
  for (int i = 0; i < seen->capacity; i++) {
    if (seen->at[i]) at[place(at, capacity, seen->at[i])] = seen->at[i];
  }
  gt_free(seen->at);
  seen->at = at;
  seen->capacity = capacity;
  return GT_OK;
}

gt_status gt_seen_add(gt_ctx *cx, gt_seen *seen, const void *address, bool *fresh) {
  if (2 * seen->count >= seen->capacity) GT_TRY(grow(cx, seen));
  int i = place(seen->at, seen->capacity, address);
  *fresh = !seen->at[i];
  if (*fresh) {
    seen->at[i] = address;
    seen->count++;
  }
  return GT_OK;
}

void gt_seen_free(gt_seen *seen) {
  gt_free(seen->at);
  *seen = (gt_seen){0};
}
