/* contiguous: the same elements in row-major order: a view if they are already, else a copy. */
#include "core/tensor/run.h"

static gt_status view(gt_call *c, gt_tensor **out) {
  gt_tensor *x = c->in[0];
  if (!gt_is_contiguous(x)) return gt_contiguous(c->cx, x, out);
  return gt_tensor_view(c->cx, x, x->ndim, x->shape, x->stride, x->offset, out);
}

static gt_status rule(gt_call *c) {
  c->gin[0] = gt_tensor_ref(c->gout[0]);
  return GT_OK;
}

const gt_op gt_op_contiguous = {
    .name = "contiguous",
    .doc = "x in row-major order, copied only where it is not already",
    .inputs = "x",
    .where = "method",
    .nin = 1,
    .nout = 1,
    .strided = 1,
    .differentiable = 1,
    .view = view,
    .rule = rule,
};
