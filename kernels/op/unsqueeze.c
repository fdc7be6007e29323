/* unsqueeze: a view with a dimension of size 1 inserted. */
#include "kernels/op/geometry.h"

enum { DIM };

static gt_status view(gt_call *c, gt_tensor **out) {
  gt_tensor *x = c->in[0];
  int at;
  if (x->ndim == GT_MAX_DIM)
    return gt_fail(c->cx, GT_ESHAPE, "unsqueeze: expected at most %d dimensions, got %d",
                   GT_MAX_DIM - 1, x->ndim);
  GT_TRY(gt_dim_resolve(c->cx, "unsqueeze", c->attr[DIM].i, x->ndim + 1, &at));
  int64_t shape[GT_MAX_DIM], stride[GT_MAX_DIM];
  for (int d = 0; d < x->ndim; d++) {
    shape[d + (d >= at)] = x->shape[d];
    stride[d + (d >= at)] = x->stride[d];
  }
  shape[at] = 1;
  stride[at] = at < x->ndim ? x->shape[at] * x->stride[at] : 1;
  return gt_tensor_view(c->cx, x, x->ndim + 1, shape, stride, x->offset, out);
}

static gt_status rule(gt_call *c) {
  return gt_apply1(c->cx, "squeeze", c->gout[0], GT_ARGS({"dim", GT_DIMS1(c->attr[DIM].i)}),
                   &c->gin[0]);
}

static const gt_setting attrs[] = {
    [DIM] = {"dim", GT_SETTING_INT, .required = true, .doc = "where the new dimension will be"},
};

const gt_op gt_op_unsqueeze = {
    .name = "unsqueeze",
    .doc = "view with a dimension of size 1 inserted at dim",
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
