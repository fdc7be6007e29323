/* pool.h: worker threads.  Work is cut into chunks whose borders depend on the problem only, never
 * on the number of threads, and no two chunks write the same element: results have the same bits
 * for any number of threads.  Thread i of W first runs the i-th part of the chunks: kernels that go
 * through rows in order, in even numbers of chunks, find theirs in the cache of their own core,
 * which matters most where cores share none.  Workers spin between ops and sleep on a futex when
 * nothing came for 2 ms. */
#ifndef GT_POOL_H
#define GT_POOL_H

#include "core/tensor/context.h"

/* Handles elements [begin, end). `argument` is shared by all chunks. */
typedef void (*gt_task)(void *argument, int64_t begin, int64_t end);

gt_status gt_pool_new(gt_ctx *cx, int threads, gt_pool **out);
void gt_pool_free(gt_pool *pool);
int gt_pool_threads(const gt_ctx *cx);
int gt_pool_idle(const gt_ctx *cx); /* those a gt_parallel here has: 1 inside a chunk */
gt_status gt_pool_resize(gt_ctx *cx, int threads); /* 1 … 256 */

/* Runs task over [0, n) in chunks of `grain` (the last may be shorter); returns when all are done.
 * Chunks still to be started are dropped once the interrupt flag is up (the op then fails with
 * GT_EINTR, its outputs are discarded). */
void gt_parallel(gt_ctx *cx, int64_t n, int64_t grain, gt_task task, void *argument);

/* The same without the drop: for work outside ops, whose caller would not learn of it. */
void gt_parallel_shielded(gt_ctx *cx, int64_t n, int64_t grain, gt_task task, void *argument);

/* Number of the worker that runs the calling chunk: 0 … threads - 1.  For per-thread scratch. */
int gt_worker(void);

#endif
