/* chunks.c: chunks of many tensors, numbered through.  One tensor after the other is shared out, so
 * that each thread has the part that it has in the optimizer's step, too. */
#include "core/train/chunks.h"

#include "core/tensor/pool.h"

enum { CHUNK = 1 << 13 };

typedef struct job {
  const gt_chunks *chunks;
  int tensor;
  gt_chunk_task task;
  void *argument;
} job;

gt_status gt_chunks_new(gt_ctx *cx, gt_tensor *const *tensors, int count, gt_chunks *out) {
  gt_chunks chunks = {.count = count};
  chunks.first = gt_calloc(cx, (size_t)count + 1, sizeof *chunks.first);
  chunks.size = gt_calloc(cx, (size_t)count + 1, sizeof *chunks.size);
  if (!chunks.first || !chunks.size) {
    gt_chunks_free(&chunks);
    return GT_ENOMEM;
  }
  for (int i = 0; i < count; i++) {
    chunks.size[i] = gt_count(tensors[i]);
    chunks.first[i + 1] = chunks.first[i] + (chunks.size[i] + CHUNK - 1) / CHUNK;
  }
  *out = chunks;
  return GT_OK;
}

void gt_chunks_free(gt_chunks *chunks) {
  gt_free(chunks->first);
  gt_free(chunks->size);
  *chunks = (gt_chunks){0};
}

/* Chunks of the job's tensor. */
static void run_chunks(void *argument, int64_t begin, int64_t end) {
  const job *j = argument;
  int64_t first = j->chunks->first[j->tensor], size = j->chunks->size[j->tensor];
  for (int64_t i = begin; i < end; i++) {
    int64_t at = i * CHUNK;
    j->task(j->argument, first + i, j->tensor, at, size - at < CHUNK ? size : at + CHUNK);
  }
}

gt_status gt_chunks_run(gt_ctx *cx, const gt_chunks *chunks, bool shielded, gt_chunk_task task,
                        void *argument) {
  for (int i = 0; i < chunks->count; i++) {
    job j = {chunks, i, task, argument};
    int64_t count = chunks->first[i + 1] - chunks->first[i];
    if (shielded)
      gt_parallel_shielded(cx, count, 1, run_chunks, &j);
    else
      gt_parallel(cx, count, 1, run_chunks, &j);
  }
  return shielded ? GT_OK : gt_poll(cx);
}
