/* rotary.c: the tables of rotary position embeddings (Su et al., arXiv 2104.09864).
 *
 *   angle(t, i) = t * base^(-2i/head_dim),  tables (1, sequence, 1, head_dim/2)
 *
 * Every step is rounded to f32 as the notebook's tensor code rounds it, cos and sin are those of
 * the rounded angle, and the result is rounded to bf16.  (The angles are PyTorch's.  At head_dim
 * 128 three of its 2 x 655,360 entries differ: there its f32 cos or sin is one unit off, next to
 * the middle of two bf16 numbers.) */
#include "core/model/rotary.h"

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

/* Row-major tables on the CPU. */
static gt_status fill(gt_ctx *cx, int64_t sequence, int64_t head_dim, double base,
                      gt_tensor *const table[2]) {
  int64_t half = head_dim / 2;
  float *frequency = gt_malloc(cx, (size_t)half * sizeof *frequency);
  if (!frequency) return GT_ENOMEM;
  for (int64_t i = 0; i < half; i++)
    frequency[i] = 1.0f / (float)pow(base, (double)((float)(2 * i) / (float)head_dim));
  table_job job = {half, frequency, gt_data(table[0]), gt_data(table[1])};
  gt_parallel(cx, sequence, 1 + 16384 / half, fill_rows, &job);
  gt_free(frequency);
  return gt_poll(cx);
}

void gt_rotary_tables(gt_frame *f, int64_t sequence, int64_t head_dim, double base,
                      const gt_backend *device, gt_tensor *out[2]) {
  bool meta = !device->data;
  gt_spec spec = gt_spec_make(GT_BF16, 4, (int64_t[]){1, sequence, 1, head_dim / 2});
  for (int i = 0; i < 2; i++) out[i] = gt_new(f, &spec, meta ? device : f->cx->cpu);
  if (f->status != GT_OK || meta) return;
  f->status = fill(f->cx, sequence, head_dim, base, out);
  for (int i = 0; i < 2 && device != f->cx->cpu; i++)
    out[i] = gt_copy_of(f, out[i], GT_BF16, device);
}
