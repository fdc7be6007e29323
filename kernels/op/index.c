/* index: x[i, j, …], elements or slices of x at positions given by integer tensors, one per leading
 * dimension, which broadcast; negative positions count from the end.  dx: the slices of dy added up
 * where they came from. */
#include "kernels/cpu/indices.h"
#include "kernels/op/rule.h"

enum { X, INDEX, INPUTS = 5 };

static gt_status infer(gt_call *c) {
  gt_spec out;
  GT_TRY(gt_index_shape(c, X, INDEX, &out));
  return gt_out_spec(c, 0, out.dtype, out.ndim, out.shape);
}

static gt_status forward(gt_call *c) {
  const gt_tensor *x = c->in[X];
  const int64_t *at;
  int64_t n;
  GT_TRY(gt_index_positions(c, X, INDEX, &at, &n));
  gt_take(c->cx, gt_dtype_size(x->dtype), gt_index_axis(c, X, INDEX), at, n, gt_data(x),
          gt_data(c->out[0]));
  return GT_OK;
}

/* What gt_index_positions computes, in ops; in i64, where any size fits. */
static gt_tensor *positions(gt_frame *f, gt_call *c) {
  int count = gt_index_count(c, INDEX);
  gt_tensor *at = NULL;
  for (int i = 0; i < count; i++) {
    int64_t size = c->in_spec[X].shape[i];
    gt_tensor *n = gt_whole(f, size > 0 ? size : 1); /* size 0 has no positions */
    gt_tensor *one = gt_op1_with(f, "to", c->in[INDEX + i], GT_ARGS({"dtype", GT_INT(GT_I64)}));
    one = gt_op2(f, "remainder", one, n);
    at = i == 0 ? one : gt_op2(f, "add", gt_op2(f, "mul", at, n), one);
  }
  return at;
}

static gt_status rule(gt_call *c) {
  gt_frame f = {.cx = c->cx};
  gt_axis axis = gt_index_axis(c, X, INDEX);
  gt_tensor *zeros = NULL, *at = positions(&f, c);
  int64_t shape[] = {axis.size, axis.inner};
  gt_spec flat = gt_spec_make(c->in_spec[X].dtype, 2, shape);
  if (f.status == GT_OK) f.status = gt_tensor_zeros(c->cx, &flat, c->device, &zeros);
  int64_t n = at ? gt_count(at) : 0;
  at = gt_op1_with(&f, "reshape", at, GT_ARGS({"shape", GT_DIMS1(n)}));
  gt_tensor *dy =
      gt_op1_with(&f, "reshape", c->gout[0], GT_ARGS({"shape", GT_DIMS2(n, axis.inner)}));
  gt_tensor *dx = gt_op3(&f, "index_add", zeros, at, dy);
  gt_give(&f, c, X,
          gt_op1_with(&f, "reshape", dx, GT_ARGS({"shape", gt_shape_value(&c->in_spec[X])})));
  gt_status status = gt_frame_end(&f);
  gt_tensor_unref(c->cx, zeros);
  return status;
}

const gt_op gt_op_index = {
    .name = "index",
    .doc = "x[i, j, ...]: slices of x at integer positions, negative from the end",
    .inputs = "x, index, index1?, index2?, index3?",
    .where = "method",
    .nin = INPUTS,
    .nout = 1,
    .compute = GT_BYTES,
    .differentiable = 1u << X,
    .save_in = ((1u << INPUTS) - 1) & ~(1u << X),
    .infer = infer,
    .forward = forward,
    .rule = rule,
};
