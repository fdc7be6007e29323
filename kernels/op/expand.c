/* expand: a view that repeats dimensions of size 1 (stride 0) and adds dimensions in front. */
#include "kernels/op/geometry.h"
#include "kernels/op/rule.h"

enum { SHAPE };

static gt_status view(gt_call *c, gt_tensor **out) {
  gt_tensor *x = c->in[0];
  const gt_dims *wanted = &c->attr[SHAPE].dims;
  gt_spec from = gt_spec_of(x), to = gt_spec_make(x->dtype, wanted->count, wanted->at);
  char from_text[GT_SHAPE_TEXT], to_text[GT_SHAPE_TEXT];
  gt_shape_text(&from, from_text);
  gt_shape_text(&to, to_text);
  int added = to.ndim - from.ndim;
  if (added < 0)
    return gt_fail(c->cx, GT_ESHAPE, "expand: expected at least %d dimensions, got %s for %s",
                   from.ndim, to_text, from_text);
  int64_t stride[GT_MAX_DIM];
  for (int d = 0; d < to.ndim; d++) {
    int64_t have = d < added ? 1 : from.shape[d - added];
    if (to.shape[d] == -1 && d >= added) to.shape[d] = have;
    if (to.shape[d] < 0)
      return gt_fail(c->cx, GT_ESHAPE, "expand: expected sizes, or -1 to keep one, got %s for %s",
                     to_text, from_text);
    if (have != 1 && to.shape[d] != have)
      return gt_fail(c->cx, GT_ESHAPE, "expand: expected size %lld at dimension %d, got %s for %s",
                     (long long)have, d, to_text, from_text);
    stride[d] = d < added || (have == 1 && to.shape[d] != 1) ? 0 : x->stride[d - added];
  }
  gt_status status = gt_tensor_view(c->cx, x, to.ndim, to.shape, stride, x->offset, out);
  return status == GT_ESHAPE ? gt_fail(c->cx, status, "expand: %s", c->cx->message) : status;
}

static gt_status rule(gt_call *c) {
  gt_frame f = {.cx = c->cx};
  gt_give(&f, c, 0, c->gout[0]);
  return gt_frame_end(&f);
}

static const gt_setting attrs[] = {
    [SHAPE] = {"shape", GT_SETTING_DIMS, .required = true, .doc = "new shape; -1 keeps a size"},
};

const gt_op gt_op_expand = {
    .name = "expand",
    .doc = "view that repeats dimensions of size 1",
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
