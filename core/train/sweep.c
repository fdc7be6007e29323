/* sweep.c: chunks of many tensors, numbered through.  One tensor after the other is shared out, so
 * that each thread has the part that it has in the optimizer's step, too. */
#include "core/train/sweep.h"

#include "core/tensor/pool.h"

enum { CHUNK = 1 << 13 };

typedef struct job {
  const gt_sweep *sweep;
  int tensor;
  gt_sweep_task task;
  void *argument;
} job;

gt_status gt_sweep_new(gt_ctx *cx, gt_tensor *const *tensors, int count, gt_sweep *out) {
  gt_sweep sweep = {.count = count};
  sweep.first = gt_calloc(cx, (size_t)count + 1, sizeof *sweep.first);
  sweep.size = gt_calloc(cx, (size_t)count + 1, sizeof *sweep.size);
  if (!sweep.first || !sweep.size) {
    gt_sweep_free(&sweep);
    return GT_ENOMEM;
  }
  for (int i = 0; i < count; i++) {
    sweep.size[i] = gt_count(tensors[i]);
    sweep.first[i + 1] = sweep.first[i] + (sweep.size[i] + CHUNK - 1) / CHUNK;
  }
  *out = sweep;
  return GT_OK;
}

void gt_sweep_free(gt_sweep *sweep) {
  gt_free(sweep->first);
  gt_free(sweep->size);
  *sweep = (gt_sweep){0};
}

/* Chunks of the job's tensor. */
static void run_chunks(void *argument, int64_t begin, int64_t end) {
  const job *j = argument;
  int64_t first = j->sweep->first[j->tensor], size = j->sweep->size[j->tensor];
  for (int64_t i = begin; i < end; i++) {
    int64_t at = i * CHUNK;
    j->task(j->argument, first + i, j->tensor, at, size - at < CHUNK ? size : at + CHUNK);
  }
}

gt_status gt_sweep_run(gt_ctx *cx, const gt_sweep *sweep, bool shielded, gt_sweep_task task,
                       void *argument) {
  for (int i = 0; i < sweep->count; i++) {
    job j = {sweep, i, task, argument};
    int64_t chunks = sweep->first[i + 1] - sweep->first[i];
    if (shielded)
      gt_parallel_shielded(cx, chunks, 1, run_chunks, &j);
    else
      gt_parallel(cx, chunks, 1, run_chunks, &j);
  }
  return shielded ? GT_OK : gt_poll(cx);
}
