/* index: x[index], the rows of x at positions given by an integer tensor of any shape; negative
 * ones count from the end.  dx: the rows of dy added up where they came from. */
#include "core/tensor/strided.h"
#include "kernels/geometry.h"
#include "kernels/rule.h"

static gt_status infer(gt_call *c) {
  const gt_spec *x = &c->in_spec[0], *index = &c->in_spec[1];
  GT_TRY(gt_index_check(c, 1));
  if (x->ndim == 0) return gt_fail(c->cx, GT_ESHAPE, "index: a 0-d tensor cannot be indexed");
  int ndim = index->ndim + x->ndim - 1;
  if (ndim > GT_MAX_DIM)
    return gt_fail(c->cx, GT_ESHAPE, "index: expected a result of at most %d dimensions, got %d",
                   GT_MAX_DIM, ndim);
  int64_t shape[GT_MAX_DIM];
  for (int d = 0; d < ndim; d++)
    shape[d] = d < index->ndim ? index->shape[d] : x->shape[d - index->ndim + 1];
  return gt_out_spec(c, 0, x->dtype, ndim, shape);
}

static gt_status forward(gt_call *c) {
  const gt_tensor *x = c->in[0];
  const int64_t *index;
  gt_spec spec = gt_spec_of(x);
  gt_axis axis = gt_axis_at(&spec, 0);
  int64_t n = gt_count(c->in[1]);
  GT_TRY(gt_index_read(c, 1, &index));
  GT_TRY(gt_index_range(c, index, n, 0, axis.size, true));
  gt_take(c->cx, gt_dtype_size(x->dtype), axis, index, n, gt_data(x), gt_data(c->out[0]));
  return GT_OK;
}

static gt_status rule(gt_call *c) {
  const gt_spec *x = &c->in_spec[0], *index = &c->in_spec[1];
  gt_tensor *zeros = NULL, *size = NULL;
  gt_terms t = {.c = c};
  gt_spec rows = *x;
  rows.shape[0] = gt_spec_count(index);
  t.status = gt_tensor_zeros(c->cx, x, c->device, &zeros);
  /* Positions from the end become plain ones; in i64, where any size fits.  Size 0 has none. */
  int64_t modulus = x->shape[0] > 0 ? x->shape[0] : 1;
  if (t.status == GT_OK) t.status = gt_tensor_scalar(c->cx, GT_I64, 0, modulus, &size);
  gt_tensor *wide = gt_term1_with(&t, "to", c->in[1], GT_ARGS({"dtype", GT_INT(GT_I64)}));
  gt_tensor *plain = gt_term2(&t, "remainder", wide, size);
  gt_tensor *at = gt_term1_with(&t, "reshape", plain, GT_ARGS({"shape", GT_DIMS1(-1)}));
  gt_tensor *dy =
      gt_term1_with(&t, "reshape", c->gout[0], GT_ARGS({"shape", gt_shape_value(&rows)}));
  gt_give(&t, 0, gt_term3(&t, "index_add", zeros, at, dy));
  gt_status status = gt_terms_end(&t);
  gt_tensor_unref(c->cx, zeros);
  gt_tensor_unref(c->cx, size);
  return status;
}

const gt_op gt_op_index = {
    .name = "index",
    .doc = "x[index]: rows of x at integer positions, negative from the end",
    .inputs = "x, index",
    .where = "method",
    .nin = 2,
    .nout = 1,
    .compute = GT_BYTES,
    .differentiable = 1,
    .save_in = 2,
    .infer = infer,
    .forward = forward,
    .rule = rule,
};
