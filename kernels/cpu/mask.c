/* mask.c: true elements are counted per chunk, the counts are summed up, then every chunk writes
 * its own part of the list. */
#include "kernels/cpu/mask.h"

#include "core/tensor/pool.h"

#include <stdlib.h>

enum { CHUNK = 1 << 15 };

typedef struct mask_plan {
  const bool *mask;
  int64_t *start; /* per chunk: first its count, then where its positions begin */
  int64_t *at;
} mask_plan;

static int64_t count_true(const bool *mask, int64_t n) {
  int64_t count = 0;
  for (int64_t i = 0; i < n; i++) count += mask[i];
  return count;
}

gt_status gt_mask_count(gt_call *c, int i, int64_t *out) {
  gt_tensor *t = c->in[i];
  if (gt_device_of(t)->kind == GT_META)
    return gt_fail(c->cx, GT_EDEVICE,
                   "%s: the size of the result depends on data, which a meta tensor does not have",
                   c->op->name);
  int64_t n = gt_count(t);
  if (n == 0) {
    *out = 0;
    return GT_OK;
  }
  if (t->dtype == GT_BOOL && gt_device_of(t)->kind == GT_CPU && gt_is_contiguous(t)) {
    *out = count_true(gt_data(t), n);
    return GT_OK;
  }
  bool *copy = gt_malloc(c->cx, (size_t)n);
  if (!copy) return GT_ENOMEM;
  gt_status status = gt_read(c->cx, t, GT_BOOL, copy);
  if (status == GT_OK) *out = count_true(copy, n);
  gt_free(copy);
  return status;
}

static void count_chunk(void *argument, int64_t begin, int64_t end) {
  const mask_plan *p = argument;
  p->start[begin / CHUNK] = count_true(p->mask + begin, end - begin);
}

static void list_chunk(void *argument, int64_t begin, int64_t end) {
  const mask_plan *p = argument;
  int64_t *at = p->at + p->start[begin / CHUNK];
  for (int64_t i = begin; i < end; i++)
    if (p->mask[i]) *at++ = i;
}

gt_status gt_mask_positions(gt_call *c, const bool *mask, int64_t n, int64_t *at) {
  mask_plan p = {.mask = mask, .at = at};
  int64_t chunks = (n + CHUNK - 1) / CHUNK, total = 0;
  void *start;
  GT_TRY(gt_scratch(c->cx, c->device, (size_t)chunks * sizeof(int64_t), &start));
  p.start = start;
  gt_parallel(c->cx, n, CHUNK, count_chunk, &p);
  GT_TRY(gt_poll(c->cx)); /* an interrupted count would send the lists astray */
  for (int64_t k = 0; k < chunks; k++) {
    int64_t count = p.start[k];
    p.start[k] = total;
    total += count;
  }
  gt_parallel(c->cx, n, CHUNK, list_chunk, &p);
  return GT_OK;
}
