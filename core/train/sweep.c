/* sweep.c: chunks of many tensors, numbered through. */
#include "core/train/sweep.h"

#include "core/tensor/pool.h"

enum { CHUNK = 1 << 15 };

typedef struct job {
  const gt_sweep *sweep;
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

/* Number of the tensor that holds a chunk: the last one whose first chunk is not after it. */
static int holder(const gt_sweep *sweep, int64_t chunk) {
  int low = 0, high = sweep->count;
  while (high - low > 1) {
    int middle = low + (high - low) / 2;
    if (sweep->first[middle] <= chunk)
      low = middle;
    else
      high = middle;
  }
  return low;
}

static void run_chunks(void *argument, int64_t begin, int64_t end) {
  const job *j = argument;
  for (int64_t chunk = begin; chunk < end; chunk++) {
    int tensor = holder(j->sweep, chunk);
    int64_t at = (chunk - j->sweep->first[tensor]) * CHUNK, size = j->sweep->size[tensor];
    j->task(j->argument, chunk, tensor, at, size - at < CHUNK ? size : at + CHUNK);
  }
}

gt_status gt_sweep_run(gt_ctx *cx, const gt_sweep *sweep, bool shielded, gt_sweep_task task,
                       void *argument) {
  job j = {sweep, task, argument};
  if (shielded) {
    gt_parallel_shielded(cx, gt_sweep_chunks(sweep), 1, run_chunks, &j);
    return GT_OK;
  }
  gt_parallel(cx, gt_sweep_chunks(sweep), 1, run_chunks, &j);
  return gt_poll(cx);
}
