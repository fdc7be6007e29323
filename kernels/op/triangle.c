/* triangle.c: see triangle.h. */
#include "kernels/op/triangle.h"

gt_status gt_triangle_infer(gt_call *c) {
  if (c->in_spec[0].ndim < 2)
    return gt_fail(c->cx, GT_ESHAPE, "%s: expected at least 2 dimensions, got %d", c->op->name,
                   c->in_spec[0].ndim);
  return gt_out_like(c, 0, 0);
}

gt_status gt_triangle_rule(gt_call *c) {
  return gt_apply1(c->cx, c->op->name, c->gout[0], GT_ARGS({"diagonal", c->attr[0]}), &c->gin[0]);
}
