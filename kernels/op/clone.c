/* clone: a contiguous copy. */
#include "core/tensor/run.h"

static gt_status infer(gt_call *c) { return gt_out_like(c, 0, 0); }

static gt_status forward(gt_call *c) {
  const gt_tensor *x = c->in[0];
  gt_tensor *y = c->out[0];
  return gt_move(c->cx, c->device, x->ndim, x->shape, gt_data(y), y->dtype, y->stride, gt_data(x),
                 x->dtype, x->stride);
}

static gt_status rule(gt_call *c) {
  c->gin[0] = gt_tensor_ref(c->gout[0]);
  return GT_OK;
}

const gt_op gt_op_clone = {
    .name = "clone",
    .doc = "a contiguous copy of x",
    .inputs = "x",
    .where = "method",
    .nin = 1,
    .nout = 1,
    .compute = GT_BYTES,
    .strided = 1,
    .moves = true,
    .differentiable = 1,
    .infer = infer,
    .forward = forward,
    .rule = rule,
};
