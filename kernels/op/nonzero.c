/* nonzero: the positions of all elements that are not zero, one row of coordinates each, in
 * row-major order. */
#include "core/tensor/pool.h"
#include "kernels/cpu/convert.h"
#include "kernels/cpu/mask.h"
#include "kernels/op/mask.h"

enum { GRAIN = 8192 };

typedef struct coordinates {
  int ndim;
  int64_t shape[GT_MAX_DIM];
  const int64_t *at;
  int64_t *y /* (count, ndim) */;
} coordinates;

static gt_status infer(gt_call *c) {
  int64_t shape[2] = {0, c->in_spec[0].ndim};
  GT_TRY(gt_mask_count(c, 0, &shape[0]));
  return gt_out_spec(c, 0, GT_I64, 2, shape);
}

static void unravel(void *argument, int64_t begin, int64_t end) {
  const coordinates *p = argument;
  for (int64_t i = begin; i < end; i++) {
    int64_t rest = p->at[i];
    for (int d = p->ndim - 1; d >= 0; d--) {
      p->y[i * p->ndim + d] = rest % p->shape[d];
      rest /= p->shape[d];
    }
  }
}

static gt_status forward(gt_call *c) {
  const gt_tensor *x = c->in[0];
  int64_t n = gt_count(x), count = c->out[0]->shape[0];
  void *mask, *at;
  if (count == 0) return GT_OK;
  coordinates p = {.ndim = x->ndim, .y = gt_data(c->out[0])};
  memcpy(p.shape, x->shape, sizeof p.shape);
  GT_TRY(gt_scratch(c->cx, c->device, (size_t)n, &mask));
  GT_TRY(gt_scratch(c->cx, c->device, (size_t)count * sizeof(int64_t), &at));
  gt_convert(mask, GT_BOOL, gt_data(x), x->dtype, n);
  GT_TRY(gt_mask_positions(c, mask, n, at));
  p.at = at;
  gt_parallel(c->cx, count, GRAIN, unravel, &p);
  return GT_OK;
}

const gt_op gt_op_nonzero = {
    .name = "nonzero",
    .doc = "coordinates of the elements that are not zero, one row each",
    .inputs = "x",
    .where = "method",
    .nin = 1,
    .nout = 1,
    .compute = GT_BYTES,
    .infer = infer,
    .forward = forward,
};
