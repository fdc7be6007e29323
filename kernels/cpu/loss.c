/* loss.c: targets and reductions of the cross-entropy losses (cross_entropy.h). */
#include "kernels/cpu/cross_entropy.h"
#include "kernels/cpu/indices.h"

gt_status gt_ce_targets(gt_call *c, int targets, int64_t classes, const int64_t **out,
                        int64_t *counted) {
  int64_t n = c->in_spec[targets].shape[0], ignored = c->attr[GT_CE_IGNORE].i;
  const int64_t *target;
  GT_TRY(gt_index_read(c, targets, &target));
  *counted = 0;
  for (int64_t i = 0; i < n; i++) {
    if (target[i] == ignored) continue;
    if (target[i] < 0 || target[i] >= classes)
      return gt_fail(c->cx, GT_EINDEX, "%s: target %lld is out of range for %lld classes",
                     c->op->name, (long long)target[i], (long long)classes);
    ++*counted;
  }
  *out = target;
  return GT_OK;
}

static double number(gt_dtype dtype, const void *x, int64_t i) {
  return dtype == GT_F64 ? ((const double *)x)[i] : (double)((const float *)x)[i];
}

void gt_ce_reduce(gt_call *c, const void *losses, int64_t rows, int64_t counted) {
  void *out = gt_data(c->out[0]);
  if (c->attr[GT_CE_REDUCTION].i == GT_CE_NONE) {
    memcpy(out, losses, (size_t)rows * gt_dtype_size(c->dtype));
    return;
  }
  double sum = 0;
  for (int64_t i = 0; i < rows; i++) sum += number(c->dtype, losses, i);
  if (c->attr[GT_CE_REDUCTION].i == GT_CE_MEAN) sum /= (double)counted; /* 0 / 0 when none counts */
  if (c->dtype == GT_F64)
    *(double *)out = sum;
  else
    *(float *)out = (float)sum;
}

double gt_ce_scale(const gt_call *c, int64_t row, int64_t counted) {
  const void *g = gt_data(c->gout[0]);
  switch (c->attr[GT_CE_REDUCTION].i) {
  case GT_CE_NONE:
    return number(c->dtype, g, row);
  case GT_CE_MEAN:
    return number(c->dtype, g, 0) / (double)counted;
  default:
    return number(c->dtype, g, 0);
  }
}
