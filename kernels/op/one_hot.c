/* one_hot: y[…, k] = 1 where k is the index, else 0. */
#include "kernels/cpu/indices.h"
#include "kernels/cpu/strided.h"

#include <stdlib.h>

enum { NUM_CLASSES };

/* Without num_classes: the largest index + 1, which only data can tell. */
static gt_status count_classes(gt_call *c, int64_t *out) {
  gt_tensor *index = c->in[0];
  int64_t n = gt_count(index), max = -1;
  if (!gt_device_of(index)->data)
    return gt_fail(c->cx, GT_EDEVICE, "one_hot: a meta tensor needs num_classes");
  if (n == 0) return gt_fail(c->cx, GT_EARG, "one_hot: an empty index needs num_classes");
  int64_t *copy = gt_malloc(c->cx, (size_t)n * sizeof *copy);
  if (!copy) return GT_ENOMEM;
  gt_status status = gt_read(c->cx, index, GT_I64, copy);
  for (int64_t i = 0; status == GT_OK && i < n; i++)
    if (copy[i] > max) max = copy[i];
  gt_free(copy);
  if (status == GT_OK) *out = max < 0 ? 1 : max < INT64_MAX ? max + 1 : max;
  return status;
}

static gt_status infer(gt_call *c) {
  gt_spec out = c->in_spec[0];
  int64_t classes = c->attr[NUM_CLASSES].i;
  GT_TRY(gt_index_check(c, 0));
  if (classes == -1) GT_TRY(count_classes(c, &classes));
  if (classes < 1)
    return gt_fail(c->cx, GT_EARG, "one_hot: expected num_classes >= 1, got %lld",
                   (long long)classes);
  if (out.ndim == GT_MAX_DIM)
    return gt_fail(c->cx, GT_ESHAPE, "one_hot: expected at most %d dimensions, got %d",
                   GT_MAX_DIM - 1, out.ndim);
  out.shape[out.ndim++] = classes;
  return gt_out_spec(c, 0, GT_I64, out.ndim, out.shape);
}

static gt_status forward(gt_call *c) {
  int64_t n = gt_count(c->in[0]), classes = c->spec[0].shape[c->spec[0].ndim - 1];
  int64_t *y = gt_data(c->out[0]);
  const int64_t *index;
  GT_TRY(gt_index_read(c, 0, &index));
  GT_TRY(gt_index_range(c, index, n, c->in_spec[0].ndim, classes, false));
  gt_parallel_zero(c->cx, y, n * classes * (int64_t)sizeof *y);
  for (int64_t i = 0; i < n; i++) y[i * classes + index[i]] = 1;
  return GT_OK;
}

static const gt_setting attrs[] = {
    [NUM_CLASSES] = {"num_classes", GT_SETTING_INT, .preset = GT_INT(-1),
                     .doc = "size of the last dimension; -1: the largest index + 1"},
};

const gt_op gt_op_one_hot = {
    .name = "one_hot",
    .doc = "1 at the index, 0 elsewhere, along a new last dimension",
    .inputs = "index",
    .where = "F",
    .nin = 1,
    .nout = 1,
    .compute = GT_BYTES,
    .attrs = attrs,
    .attr_count = GT_COUNT(attrs),
    .infer = infer,
    .forward = forward,
};
