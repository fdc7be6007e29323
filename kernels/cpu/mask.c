/* mask.c: true elements are counted per chunk, the counts are summed up, then every chunk writes
 * its own part of the list. */
#include "kernels/cpu/mask.h"

#include "core/tensor/pool.h"
#include "core/tensor/run.h"
#include "kernels/op/arithmetic.h"
#include "kernels/op/mask.h"

enum { CHUNK = 1 << 15 };

typedef struct mask_plan {
  const bool *mask;
  int64_t *start; /* per chunk: first its count, then where its positions begin */
  int64_t *at;
} mask_plan;

static void count_chunk(void *argument, int64_t begin, int64_t end) {
  const mask_plan *p = argument;
  p->start[begin / CHUNK] = gt_count_true(p->mask + begin, end - begin);
}

static void list_chunk(void *argument, int64_t begin, int64_t end) {
  const mask_plan *p = argument;
  int64_t *at = p->at + p->start[begin / CHUNK];
  for (int64_t i = begin; i < end; i++)
    if (p->mask[i]) *at++ = i;
}

gt_status gt_mask_positions(gt_call *c, const bool *mask, int64_t n, int64_t *at) {
  mask_plan p = {.mask = mask, .at = at};
  int64_t chunks = gt_parts(n, CHUNK), total = 0;
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
