/* squeeze: a view without the dimensions of size 1, or without those named whose size is 1. */
#include "kernels/op/geometry.h"

enum { DIM };

static gt_status view(gt_call *c, gt_tensor **out) {
  gt_tensor *x = c->in[0];
  const gt_dims *dims = &c->attr[DIM].dims;
  unsigned named = 0;
  int n = 0;
  for (int k = 0; c->attr[DIM].given && k < dims->count; k++) {
    int d;
    GT_TRY(gt_dim_resolve(c->cx, "squeeze", dims->at[k], x->ndim, &d));
    if (named >> d & 1u) return gt_fail(c->cx, GT_EARG, "squeeze: dimension %d appears twice", d);
    named |= 1u << d;
  }
  int64_t shape[GT_MAX_DIM], stride[GT_MAX_DIM];
  for (int d = 0; d < x->ndim; d++) {
    if (x->shape[d] == 1 && (!c->attr[DIM].given || named >> d & 1u)) continue;
    shape[n] = x->shape[d];
    stride[n++] = x->stride[d];
  }
  return gt_tensor_view(c->cx, x, n, shape, stride, x->offset, out);
}

static gt_status rule(gt_call *c) {
  return gt_apply1(c->cx, "reshape", c->gout[0], GT_ARGS({"shape", gt_shape_value(&c->in_spec[0])}),
                   &c->gin[0]);
}

static const gt_setting attrs[] = {
    [DIM] = {"dim", GT_SETTING_DIMS, .doc = "the dimensions to drop; all of size 1 if not given"},
};

const gt_op gt_op_squeeze = {
    .name = "squeeze",
    .doc = "view without dimensions of size 1",
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
