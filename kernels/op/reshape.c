/* reshape: view where strides allow it, a view of a contiguous copy elsewhere. */
#include "kernels/op/geometry.h"

enum { SHAPE };

static gt_status view(gt_call *c, gt_tensor **out) {
  gt_tensor *x = c->in[0];
  gt_spec spec;
  int64_t stride[GT_MAX_DIM];
  GT_TRY(gt_shape_infer(c, &c->attr[SHAPE].dims, &spec));
  if (gt_view_strides(x, &spec, stride))
    return gt_tensor_view(c->cx, x, spec.ndim, spec.shape, stride, x->offset, out);
  gt_tensor *copy;
  GT_TRY(gt_contiguous(c->cx, x, &copy));
  gt_row_major(spec.ndim, spec.shape, stride);
  gt_status status = gt_tensor_view(c->cx, copy, spec.ndim, spec.shape, stride, copy->offset, out);
  gt_tensor_unref(c->cx, copy);
  return status;
}

static gt_status rule(gt_call *c) {
  return gt_apply1(c->cx, "reshape", c->gout[0], GT_ARGS({"shape", gt_shape_value(&c->in_spec[0])}),
                   &c->gin[0]);
}

static const gt_setting attrs[] = {
    [SHAPE] = {"shape", GT_SETTING_DIMS, .required = true, .doc = "new shape; one -1 is inferred"},
};

const gt_op gt_op_reshape = {
    .name = "reshape",
    .doc = "the same elements under another shape, a view where possible",
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
