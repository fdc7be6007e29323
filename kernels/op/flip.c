/* flip: the order of elements reversed along some dimensions; a copy with negative strides. */
#include "kernels/op/geometry.h"

enum { DIMS };

static gt_status infer(gt_call *c) {
  const gt_dims *dims = &c->attr[DIMS].dims;
  bool seen[GT_MAX_DIM] = {false};
  for (int k = 0; k < dims->count; k++) {
    int d;
    GT_TRY(gt_dim_resolve(c->cx, "flip", dims->at[k], c->in_spec[0].ndim, &d));
    if (seen[d])
      return gt_fail(c->cx, GT_EARG, "flip: expected each dimension once, got %d twice", d);
    seen[d] = true;
  }
  return gt_out_like(c, 0, 0);
}

static gt_status forward(gt_call *c) {
  const gt_tensor *x = c->in[0];
  gt_tensor *y = c->out[0];
  const gt_dims *dims = &c->attr[DIMS].dims;
  int64_t stride[GT_MAX_DIM], first = 0;
  if (gt_count(x) == 0) return GT_OK;
  memcpy(stride, x->stride, sizeof stride);
  for (int k = 0; k < dims->count && x->ndim > 0; k++) {
    int64_t d = dims->at[k] < 0 ? dims->at[k] + x->ndim : dims->at[k];
    first += (x->shape[d] - 1) * stride[d];
    stride[d] = -stride[d];
  }
  return gt_move(c->cx, c->device, x->ndim, x->shape, gt_data(y), y->dtype, y->stride,
                 (const char *)gt_data(x) + first * (int64_t)gt_dtype_size(x->dtype), x->dtype,
                 stride);
}

static gt_status rule(gt_call *c) {
  return gt_apply1(c->cx, "flip", c->gout[0], GT_ARGS({"dims", c->attr[DIMS]}), &c->gin[0]);
}

static const gt_setting attrs[] = {
    [DIMS] = {"dims", GT_SETTING_DIMS, .required = true, .doc = "dimensions to reverse"},
};

const gt_op gt_op_flip = {
    .name = "flip",
    .doc = "x with the order reversed along dims",
    .inputs = "x",
    .where = "method",
    .nin = 1,
    .nout = 1,
    .compute = GT_BYTES,
    .strided = 1,
    .moves = true,
    .differentiable = 1,
    .attrs = attrs,
    .attr_count = GT_COUNT(attrs),
    .infer = infer,
    .forward = forward,
    .rule = rule,
};
