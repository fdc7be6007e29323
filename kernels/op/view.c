/* view: the same elements under another shape, without a copy.  Refuses where strides do not allow
 * it: that is its point (reshape copies then). */
#include "kernels/op/geometry.h"

enum { SHAPE };

static gt_status view(gt_call *c, gt_tensor **out) {
  gt_tensor *x = c->in[0];
  gt_spec spec;
  int64_t stride[GT_MAX_DIM];
  GT_TRY(gt_shape_infer(c, &c->attr[SHAPE].dims, &spec));
  if (!gt_view_strides(x, &spec, stride)) {
    char shape[GT_SHAPE_TEXT], strides[GT_SHAPE_TEXT];
    gt_spec have = gt_spec_make(x->dtype, x->ndim, x->stride);
    return gt_fail(c->cx, GT_ESHAPE, "view: shape %s is not possible with strides %s; use reshape",
                   gt_shape_text(&spec, shape), gt_shape_text(&have, strides));
  }
  return gt_tensor_view(c->cx, x, spec.ndim, spec.shape, stride, x->offset, out);
}

static gt_status rule(gt_call *c) {
  return gt_apply1(c->cx, "reshape", c->gout[0], GT_ARGS({"shape", gt_shape_value(&c->in_spec[0])}),
                   &c->gin[0]);
}

static const gt_setting attrs[] = {
    [SHAPE] = {"shape", GT_SETTING_DIMS, .required = true, .doc = "new shape; one -1 is inferred"},
};

const gt_op gt_op_view = {
    .name = "view",
    .doc = "the same elements under another shape, never a copy",
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
