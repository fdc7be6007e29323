/* chunks.h: the elements of many tensors, cut into chunks for one parallel pass.  The borders
 * depend on the sizes only, so that work done per chunk has the same bits for any number of
 * threads. */
#ifndef GT_CHUNKS_H
#define GT_CHUNKS_H

#include "core/tensor/tensor.h"

typedef struct gt_chunks {
  int count;
  int64_t *first; /* (count + 1) number of the first chunk of each tensor; last: all chunks */
  int64_t *size;  /* (count) elements of each tensor */
} gt_chunks;

/* Elements [begin, end) of tensor number `tensor`, which make up chunk number `chunk`. */
typedef void (*gt_chunk_task)(void *argument, int64_t chunk, int tensor, int64_t begin,
                              int64_t end);

gt_status gt_chunks_new(gt_ctx *cx, gt_tensor *const *tensors, int count, gt_chunks *out);
void gt_chunks_free(gt_chunks *chunks);

static inline int64_t gt_chunks_count(const gt_chunks *chunks) {
  return chunks->first[chunks->count];
}

/* GT_EINTR when an interrupt dropped chunks; `shielded`: it does not. */
gt_status gt_chunks_run(gt_ctx *cx, const gt_chunks *chunks, bool shielded, gt_chunk_task task,
                        void *argument);

#endif
