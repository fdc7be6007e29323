/* seen.h: a set of addresses, for counting shared things once. */
#ifndef GT_SEEN_H
#define GT_SEEN_H

#include "core/tensor/context.h"

/* Zero-initialise; free with gt_seen_free. */
typedef struct gt_seen {
  const void **at; /* (capacity) open addressing, NULL: free place */
  int count, capacity;
} gt_seen;

/* Adds an address; *fresh tells whether it was new. */
gt_status gt_seen_add(gt_ctx *cx, gt_seen *seen, const void *address, bool *fresh);
void gt_seen_free(gt_seen *seen);

#endif
