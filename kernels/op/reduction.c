/* reduction.c: see reduction.h. */
#include "kernels/op/reduction.h"

gt_status gt_reduced_dims(gt_call *c, unsigned *out) {
  const gt_value *dim = gt_attr_named(c, "dim");
  int ndim = c->in_spec[0].ndim;
  unsigned mask = 0;
  if (!dim->given || dim->dims.count == 0) {
    *out = (1u << ndim) - 1;
    return GT_OK;
  }
  for (int k = 0; k < dim->dims.count; k++) {
    int d;
    GT_TRY(gt_dim_resolve(c->cx, c->op->name, dim->dims.at[k], ndim, &d));
    if (mask >> d & 1) {
      return gt_fail(c->cx, GT_EARG, "%s: dimension %d appears twice", c->op->name, d);
    }
    mask |= 1u << d;
  }
  *out = ndim == 0 ? 0 : mask;
  return GT_OK;
}

int64_t gt_reduced_count(const gt_call *c, unsigned dims) {
  const gt_spec *x = &c->in_spec[0];
  int64_t count = 1;
  for (int d = 0; d < x->ndim; d++) {
    if (dims >> d & 1) count *= x->shape[d];
  }
  return count;
}

gt_status gt_out_reduced(gt_call *c, int out, gt_dtype dtype) {
  const gt_spec *x = &c->in_spec[0];
  unsigned dims;
  GT_TRY(gt_reduced_dims(c, &dims));
  bool keep = gt_attr_named(c, "keepdim")->i != 0;
  int ndim = 0;
  int64_t shape[GT_MAX_DIM];
  for (int d = 0; d < x->ndim; d++) {
    bool reduced = dims >> d & 1;
    if (!reduced || keep) shape[ndim++] = reduced ? 1 : x->shape[d];
  }
  return gt_out_spec(c, out, dtype, ndim, shape);
}

gt_status gt_infer_reduced_float(gt_call *c) {
  gt_dtype dtype = c->in_spec[0].dtype;
  if (!gt_dtype_is_float(dtype)) {
    return gt_fail(c->cx, GT_EDTYPE, "%s: expected a floating dtype, got %s", c->op->name,
                   gt_dtype_name(dtype));
  }
  return gt_out_reduced(c, 0, dtype);
}

gt_status gt_infer_reduced_truth(gt_call *c) {
  return gt_out_reduced(c, 0, c->in_spec[0].dtype == GT_U8 ? GT_U8 : GT_BOOL);
}
