/* squeeze: a view without the dimensions of size 1, or without the one named if its size is 1. */
#include "kernels/geometry.h"

enum { DIM };

static gt_status view(gt_call *c, gt_tensor **out) {
  gt_tensor *x = c->in[0];
  int only = -1, n = 0;
  if (c->attr[DIM].given) GT_TRY(gt_dim_resolve(c->cx, "squeeze", c->attr[DIM].i, x->ndim, &only));
  int64_t shape[GT_MAX_DIM], stride[GT_MAX_DIM];
  for (int d = 0; d < x->ndim; d++) {
    if (x->shape[d] == 1 && (only < 0 || d == only)) continue;
    shape[n] = x->shape[d];
    stride[n++] = x->stride[d];
  }
  return gt_tensor_view(c->cx, x, n, shape, stride, x->offset, out);
}

static gt_status rule(gt_call *c) {
  return gt_apply1(c->cx, "reshape", c->gout[0], GT_ARGS({"shape", gt_shape_value(&c->in_spec[0])}),
                   &c->gin[0]);
}

static const gt_attr attrs[] = {
    [DIM] = {"dim", GT_ATTR_INT, .doc = "the dimension to drop; all of size 1 if not given"},
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
