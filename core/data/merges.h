/* merges.h: byte-pair encoding of one piece of text: of all neighbours that may merge, the pair
 * with the lowest rank merges first, the leftmost of equals; until none may.
 *
 * Sennrich, Haddow, Birch, "Neural Machine Translation of Rare Words with Subword Units", 2016. */
#ifndef GT_MERGES_H
#define GT_MERGES_H

#include "core/tensor/context.h"

typedef struct gt_merge {
  int32_t left, right; /* token ids; left -1: an empty slot */
  uint32_t rank;
  int32_t id; /* what the two become */
} gt_merge;

/* Zero-initialise and set `seed` (of its hash); free with gt_merges_free. */
typedef struct gt_merges {
  uint64_t seed;
  gt_merge *slots; /* (slot_count) open addressing by (left, right) */
  uint32_t slot_count, count;
} gt_merges;

/* Adds a merge; *fresh tells whether its pair was new, else nothing changed.  rank < UINT32_MAX. */
gt_status gt_merges_add(gt_ctx *cx, gt_merges *m, gt_merge merge, bool *fresh);
const gt_merge *gt_merges_find(const gt_merges *m, int32_t left, int32_t right); /* or NULL */
/* Merges symbols[0..n) in place and tells how many are left.  Time O(n log n), interruptible. */
gt_status gt_merges_apply(gt_ctx *cx, const gt_merges *m, int32_t *symbols, int64_t n,
                          int64_t *left);
void gt_merges_free(gt_merges *m);

#endif
