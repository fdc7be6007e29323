/* permute: a view with the dimensions in another order; dimension d of the result is dims[d] of x.
 */
#include "kernels/op/geometry.h"

enum { DIMS };

/* The order with negative numbers resolved. */
static gt_status order_of(gt_ctx *cx, const gt_dims *dims, int ndim, int order[GT_MAX_DIM]) {
  if (dims->count != ndim)
    return gt_fail(cx, GT_ESHAPE, "permute: expected %d dimensions, got %d", ndim, dims->count);
  bool seen[GT_MAX_DIM] = {false};
  for (int d = 0; d < ndim; d++) {
    GT_TRY(gt_dim_resolve(cx, "permute", dims->at[d], ndim, &order[d]));
    if (seen[order[d]])
      return gt_fail(cx, GT_EARG, "permute: expected each dimension once, got %d twice", order[d]);
    seen[order[d]] = true;
  }
  return GT_OK;
}

static gt_status view(gt_call *c, gt_tensor **out) {
  gt_tensor *x = c->in[0];
  int order[GT_MAX_DIM];
  GT_TRY(order_of(c->cx, &c->attr[DIMS].dims, x->ndim, order));
  int64_t shape[GT_MAX_DIM], stride[GT_MAX_DIM];
  for (int d = 0; d < x->ndim; d++) {
    shape[d] = x->shape[order[d]];
    stride[d] = x->stride[order[d]];
  }
  return gt_tensor_view(c->cx, x, x->ndim, shape, stride, x->offset, out);
}

static gt_status rule(gt_call *c) {
  int ndim = c->in_spec[0].ndim, order[GT_MAX_DIM];
  int64_t inverse[GT_MAX_DIM];
  GT_TRY(order_of(c->cx, &c->attr[DIMS].dims, ndim, order));
  for (int d = 0; d < ndim; d++) inverse[order[d]] = d;
  return gt_apply1(c->cx, "permute", c->gout[0], GT_ARGS({"dims", gt_dims_value(ndim, inverse)}),
                   &c->gin[0]);
}

static const gt_setting attrs[] = {
    [DIMS] = {"dims", GT_SETTING_DIMS, .required = true, .doc = "the new order of dimensions"},
};

const gt_op gt_op_permute = {
    .name = "permute",
    .doc = "view with the dimensions in another order",
    .inputs = "x",
    .where = "method",
    .nin = 1,
    .nout = 1,
    .strided = 1,
    .differentiable = 1,
    .attrs = attrs,
    .attr_count = GT_COUNT(attrs),
    .view = view,
    .rule = rule,
};
