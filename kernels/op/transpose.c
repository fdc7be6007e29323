/* transpose: a view with two dimensions exchanged. */
#include "core/tensor/run.h"

enum { DIM0, DIM1 };

static gt_status view(gt_call *c, gt_tensor **out) {
  gt_tensor *x = c->in[0];
  int a, b;
  GT_TRY(gt_dim_resolve(c->cx, "transpose", c->attr[DIM0].i, x->ndim, &a));
  GT_TRY(gt_dim_resolve(c->cx, "transpose", c->attr[DIM1].i, x->ndim, &b));
  gt_spec spec = gt_spec_of(x);
  int64_t stride[GT_MAX_DIM];
  memcpy(stride, x->stride, sizeof stride);
  if (x->ndim > 0) {
    spec.shape[a] = x->shape[b], spec.shape[b] = x->shape[a];
    stride[a] = x->stride[b], stride[b] = x->stride[a];
  }
  return gt_tensor_view(c->cx, x, spec.ndim, spec.shape, stride, x->offset, out);
}

static gt_status rule(gt_call *c) {
  return gt_apply1(c->cx, "transpose", c->gout[0],
                   GT_ARGS({"dim0", c->attr[DIM0]}, {"dim1", c->attr[DIM1]}), &c->gin[0]);
}

static const gt_setting attrs[] = {
    [DIM0] = {"dim0", GT_SETTING_INT, .required = true, .doc = "one dimension"},
    [DIM1] = {"dim1", GT_SETTING_INT, .required = true, .doc = "the other"},
};

const gt_op gt_op_transpose = {
    .name = "transpose",
    .doc = "view with dimensions dim0 and dim1 exchanged",
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
