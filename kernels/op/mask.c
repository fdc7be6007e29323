/* mask.c: see mask.h. */
#include "kernels/op/mask.h"

int64_t gt_count_true(const bool *mask, int64_t n) {
  int64_t count = 0;
  for (int64_t i = 0; i < n; i++) count += mask[i];
  return count;
}

gt_status gt_mask_count(gt_call *c, int i, int64_t *out) {
  gt_tensor *t = c->in[i];
  if (!gt_device_of(t)->data)
    return gt_fail(c->cx, GT_EDEVICE,
                   "%s: the size of the result depends on data, which a meta tensor does not have",
                   c->op->name);
  int64_t n = gt_count(t);
  if (n == 0) {
    *out = 0;
    return GT_OK;
  }
  if (t->dtype == GT_BOOL && gt_device_of(t)->host && gt_is_contiguous(t)) {
    *out = gt_count_true(gt_data(t), n);
    return GT_OK;
  }
  bool *copy = gt_malloc(c->cx, (size_t)n);
  if (!copy) return GT_ENOMEM;
  gt_status status = gt_read(c->cx, t, GT_BOOL, copy);
  if (status == GT_OK) *out = gt_count_true(copy, n);
  gt_free(copy);
  return status;
}
