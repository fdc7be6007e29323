/* index_select: the slices of x at positions `index` along a dimension.  dx: index_add. */
#include "kernels/cpu/indices.h"
#include "kernels/cpu/strided.h"

enum { DIM };

static gt_status infer(gt_call *c) {
  const gt_spec *x = &c->in_spec[0], *index = &c->in_spec[1];
  int dim;
  GT_TRY(gt_dim_resolve(c->cx, "index_select", c->attr[DIM].i, x->ndim, &dim));
  GT_TRY(gt_index_check(c, 1));
  if (index->ndim > 1) {
    char text[GT_SHAPE_TEXT];
    return gt_fail(c->cx, GT_ESHAPE, "index_select: expected a 1-d index, got %s",
                   gt_shape_text(index, text));
  }
  if (x->ndim == 0 && gt_spec_count(index) != 1)
    return gt_fail(c->cx, GT_ESHAPE, "index_select: expected one index for a 0-d tensor, got %lld",
                   (long long)gt_spec_count(index));
  gt_spec out = *x;
  if (x->ndim > 0) out.shape[dim] = gt_spec_count(index);
  return gt_out_spec(c, 0, out.dtype, out.ndim, out.shape);
}

static gt_status forward(gt_call *c) {
  const gt_tensor *x = c->in[0];
  int dim;
  const int64_t *index;
  gt_spec spec = gt_spec_of(x);
  int64_t n = gt_count(c->in[1]);
  GT_TRY(gt_dim_resolve(c->cx, "index_select", c->attr[DIM].i, x->ndim, &dim));
  gt_axis axis = gt_axis_at(&spec, dim);
  GT_TRY(gt_index_read(c, 1, &index));
  GT_TRY(gt_index_range(c, index, n, dim, axis.size, false));
  gt_take(c->cx, gt_dtype_size(x->dtype), axis, index, n, gt_data(x), gt_data(c->out[0]));
  return GT_OK;
}

static gt_status rule(gt_call *c) {
  gt_tensor *zeros;
  GT_TRY(gt_tensor_zeros(c->cx, &c->in_spec[0], c->device, &zeros));
  gt_status status = gt_apply(c->cx, "index_add", (gt_tensor *[]){zeros, c->in[1], c->gout[0]}, 3,
                              GT_ARGS({"dim", c->attr[DIM]}), &c->gin[0]);
  gt_tensor_unref(c->cx, zeros);
  return status;
}

static const gt_setting attrs[] = {
    [DIM] = {"dim", GT_SETTING_INT, .required = true, .doc = "the dimension that index counts in"},
};

const gt_op gt_op_index_select = {
    .name = "index_select",
    .doc = "the slices of x at positions index along dim",
    .inputs = "x, index",
    .where = "method",
    .nin = 2,
    .nout = 1,
    .compute = GT_BYTES,
    .differentiable = 1,
    .save_in = 2,
    .attrs = attrs,
    .attr_count = GT_COUNT(attrs),
    .infer = infer,
    .forward = forward,
    .rule = rule,
};
