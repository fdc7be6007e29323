/* rotary.c: the tables of rotary position embeddings (Su et al., arXiv 2104.09864).
 *
 *   angle(t, i) = t * base^(-2i/head_dim),  tables (1, sequence, 1, head_dim/2)
 *
 * Every step is rounded to f32 as the notebook's tensor code rounds it, cos and sin are those of
 * the rounded angle, and the result is rounded to bf16.  (The angles are PyTorch's.  At head_dim
 * 128 three of its 2 x 655,360 entries differ: there its f32 cos or sin is one unit off, beside the
 * middle of two bf16 numbers.) */
#include "core/model/gpt.h"
#include "core/tensor/pool.h"

#include <math.h>
#include <stdlib.h>

typedef struct table_job {
  int64_t half;
  const float *frequency; /* (half) */
  uint16_t *cos, *sin;    /* (sequence, half) bf16 */
} table_job;

static void fill_rows(void *argument, int64_t begin, int64_t end) {
  const table_job *job = argument;
  for (int64_t t = begin; t < end; t++) {
    for (int64_t i = 0; i < job->half; i++) {
      float angle = (float)t * job->frequency[i];
      job->cos[t * job->half + i] = gt_to_bf16((float)cos((double)angle));
      job->sin[t * job->half + i] = gt_to_bf16((float)sin((double)angle));
    }
  }
}

/* Moves t to device; takes over the reference and gives one back. */
static gt_status send(gt_ctx *cx, gt_tensor **t, const gt_device *device) {
  if (gt_device_of(*t) == device) return GT_OK;
  gt_tensor *here = *t;
  GT_TRY(gt_copy_new(cx, here, here->dtype, device, t));
  gt_tensor_unref(cx, here);
  return GT_OK;
}

gt_status gt_rotary_tables(gt_ctx *cx, int64_t sequence, int64_t head_dim, double base,
                           const gt_device *device, gt_tensor **cos_out, gt_tensor **sin_out) {
  int64_t half = head_dim / 2;
  const gt_device *host = device->kind == GT_META ? device : &gt_device_cpu;
  gt_spec spec = gt_spec_make(GT_BF16, 4, (int64_t[]){1, sequence, 1, half});
  gt_tensor *tables[2] = {NULL};
  gt_status status = gt_tensor_new(cx, &spec, host, &tables[0]);
  if (status == GT_OK) status = gt_tensor_new(cx, &spec, host, &tables[1]);
  if (status == GT_OK && host->kind == GT_CPU) {
    float *frequency = gt_malloc(cx, (size_t)half * sizeof *frequency);
    if (frequency) {
      for (int64_t i = 0; i < half; i++)
        frequency[i] = 1.0f / (float)pow(base, (double)((float)(2 * i) / (float)head_dim));
      table_job job = {half, frequency, gt_data(tables[0]), gt_data(tables[1])};
      gt_parallel(cx, sequence, 1 + 16384 / half, fill_rows, &job);
      status = gt_poll(cx);
    } else {
      status = GT_ENOMEM;
    }
    gt_free(frequency);
  }
  for (int i = 0; i < 2 && status == GT_OK; i++) status = send(cx, &tables[i], device);
  if (status == GT_OK) {
    *cos_out = tables[0];
    *sin_out = tables[1];
    return GT_OK;
  }
  gt_tensor_unref(cx, tables[0]);
  gt_tensor_unref(cx, tables[1]);
  return status;
}
