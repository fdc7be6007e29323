/* geometry.c: shapes and strides. */
#include "kernels/op/geometry.h"

gt_axis gt_axis_at(const gt_spec *spec, int dim) {
  gt_axis axis = {1, 1, 1};
  for (int d = 0; d < spec->ndim; d++) {
    if (d < dim)
      axis.outer *= spec->shape[d];
    else if (d == dim)
      axis.size = spec->shape[d];
    else
      axis.inner *= spec->shape[d];
  }
  return axis;
}

void gt_row_major(int ndim, const int64_t *shape, int64_t *stride) {
  int64_t step = 1;
  for (int d = ndim - 1; d >= 0; d--) {
    stride[d] = step;
    /* Of an empty tensor other sizes may be huge; its strides are never walked. */
    if (__builtin_mul_overflow(step, shape[d], &step)) step = 1;
  }
}

gt_value gt_dims_value(int n, const int64_t *at) {
  gt_value value = {.given = true, .dims = {.count = n}};
  for (int d = 0; d < n; d++) value.dims.at[d] = at[d];
  return value;
}

gt_value gt_shape_value(const gt_spec *spec) { return gt_dims_value(spec->ndim, spec->shape); }

gt_status gt_shape_infer(gt_call *c, const gt_dims *wanted, gt_spec *out) {
  const char *op = c->op->name;
  int64_t count = gt_spec_count(&c->in_spec[0]), known = 1;
  int unknown = -1;
  char text[GT_SHAPE_TEXT];
  gt_spec spec = gt_spec_make(c->in_spec[0].dtype, wanted->count, wanted->at);
  gt_shape_text(&spec, text);
  for (int d = 0; d < spec.ndim; d++) {
    if (spec.shape[d] == -1) {
      if (unknown >= 0)
        return gt_fail(c->cx, GT_ESHAPE, "%s: only one dimension can be inferred, got %s", op,
                       text);
      unknown = d;
    } else if (spec.shape[d] < 0) {
      return gt_fail(c->cx, GT_ESHAPE, "%s: expected sizes >= -1, got %s", op, text);
    } else if (__builtin_mul_overflow(known, spec.shape[d], &known)) {
      return gt_fail(c->cx, GT_ESHAPE, "%s: shape %s is too large", op, text);
    }
  }
  if (unknown >= 0 && known == 0)
    return gt_fail(c->cx, GT_ESHAPE, "%s: -1 is ambiguous in shape %s of 0 elements", op, text);
  if (unknown >= 0 && count % known == 0)
    spec.shape[unknown] = count / known;
  else if (unknown >= 0 || known != count)
    return gt_fail(c->cx, GT_ESHAPE, "%s: shape %s is invalid for input of size %lld", op, text,
                   (long long)count);
  *out = spec;
  return GT_OK;
}

bool gt_view_strides(const gt_tensor *t, const gt_spec *to, int64_t *stride) {
  if (gt_count(t) == 0 || t->ndim == 0) {
    gt_row_major(to->ndim, to->shape, stride);
    return true;
  }
  /* Walk both shapes from the right: each run of t's dimensions that are contiguous in
   * memory must be filled exactly by a run of the new ones. */
  int at = to->ndim - 1;
  int64_t step = t->stride[t->ndim - 1], have = 1, taken = 1;
  for (int d = t->ndim - 1; d >= 0; d--) {
    have *= t->shape[d];
    bool ends = d == 0 || (t->shape[d - 1] != 1 && t->stride[d - 1] != have * step);
    if (!ends) continue;
    while (at >= 0 && (taken < have || to->shape[at] == 1)) {
      stride[at] = taken * step;
      taken *= to->shape[at--];
    }
    if (taken != have) return false;
    if (d > 0) step = t->stride[d - 1];
    have = taken = 1;
  }
  return at < 0;
}
