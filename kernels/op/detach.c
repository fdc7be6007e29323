/* detach: the same tensor outside the graph: gradients stop here. */
#include "core/tensor/run.h"

static gt_status view(gt_call *c, gt_tensor **out) {
  gt_tensor *x = c->in[0];
  return gt_tensor_view(c->cx, x, x->ndim, x->shape, x->stride, x->offset, out);
}

const gt_op gt_op_detach = {
    .name = "detach",
    .doc = "view of the same data that gradients do not pass",
    .inputs = "x",
    .where = "method",
    .nin = 1,
    .nout = 1,
    .strided = 1,
    .view = view,
};
