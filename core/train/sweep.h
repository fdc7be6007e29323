/* sweep.h: one parallel pass over the elements of many tensors.  They are cut into chunks whose
 * borders depend on the sizes only, so that work done per chunk has the same bits for any number of
 * threads. */
#ifndef GT_SWEEP_H
#define GT_SWEEP_H

#include "core/tensor/tensor.h"

typedef struct gt_sweep {
  int count;
  int64_t *first; /* (count + 1) number of the first chunk of each tensor; last: all chunks */
  int64_t *size;  /* (count) elements of each tensor */
} gt_sweep;

/* Elements [begin, end) of tensor number `tensor`, which make up chunk number `chunk`. */
typedef void (*gt_sweep_task)(void *argument, int64_t chunk, int tensor, int64_t begin,
                              int64_t end);

gt_status gt_sweep_new(gt_ctx *cx, gt_tensor *const *tensors, int count, gt_sweep *out);
void gt_sweep_free(gt_sweep *sweep);

static inline int64_t gt_sweep_chunks(const gt_sweep *sweep) { return sweep->first[sweep->count]; }

/* GT_EINTR when an interrupt dropped chunks; `shielded`: it does not. */
gt_status gt_sweep_run(gt_ctx *cx, const gt_sweep *sweep, bool shielded, gt_sweep_task task,
                       void *argument);

#endif
