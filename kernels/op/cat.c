/* cat: tensors one after the other along a dimension; dtypes promote.  A 1-d tensor of size 0 fits
 * everywhere and adds nothing, as in PyTorch. */
#include "kernels/op/geometry.h"

enum { DIM };

static bool is_nothing(const gt_spec *x) { return x->ndim == 1 && x->shape[0] == 0; }

/* The input that says how many dimensions there are: the first that counts. */
static const gt_spec *model_of(const gt_call *c) {
  for (int i = 0; i < c->nin; i++)
    if (!is_nothing(&c->in_spec[i])) return &c->in_spec[i];
  return &c->in_spec[0];
}

static gt_status check_shape(gt_call *c, int i, const gt_spec *model, int dim) {
  const gt_spec *x = &c->in_spec[i];
  bool fits = x->ndim == model->ndim;
  for (int d = 0; fits && d < x->ndim; d++) fits = d == dim || x->shape[d] == model->shape[d];
  if (fits) return GT_OK;
  char want[GT_SHAPE_TEXT], have[GT_SHAPE_TEXT];
  return gt_fail(
      c->cx, GT_ESHAPE,
      "cat: expected shapes equal except at dimension %d, got %s and %s (at position %d)", dim,
      gt_shape_text(model, want), gt_shape_text(x, have), i);
}

static gt_status infer(gt_call *c) {
  if (c->nin == 0) return gt_fail(c->cx, GT_EARG, "cat: expected at least one tensor, got none");
  for (int i = 0; i < c->nin; i++)
    if (c->in_spec[i].ndim == 0)
      return gt_fail(c->cx, GT_ESHAPE, "cat: a 0-d tensor (at position %d) cannot be joined", i);
  const gt_spec *model = model_of(c);
  int dim;
  GT_TRY(gt_dim_resolve(c->cx, "cat", c->attr[DIM].i, model->ndim, &dim));
  gt_spec out = *model;
  out.shape[dim] = 0;
  out.dtype = c->in_spec[0].dtype;
  for (int i = 0; i < c->nin; i++) {
    const gt_spec *x = &c->in_spec[i];
    out.dtype = gt_dtype_promote(out.dtype, x->dtype);
    if (is_nothing(x)) continue;
    GT_TRY(check_shape(c, i, model, dim));
    if (__builtin_add_overflow(out.shape[dim], x->shape[dim], &out.shape[dim]))
      return gt_fail(c->cx, GT_ESHAPE, "cat: the result is too large");
  }
  return gt_out_spec(c, 0, out.dtype, out.ndim, out.shape);
}

static gt_status forward(gt_call *c) {
  gt_tensor *y = c->out[0];
  int dim;
  GT_TRY(gt_dim_resolve(c->cx, "cat", c->attr[DIM].i, y->ndim, &dim));
  int64_t offset = 0, size = (int64_t)gt_dtype_size(y->dtype);
  for (int i = 0; i < c->nin; i++) {
    const gt_tensor *x = c->in[i];
    if (gt_count(x) == 0) continue;
    GT_TRY(gt_move(c->cx, c->device, x->ndim, x->shape, (char *)gt_data(y) + offset * size,
                   y->dtype, y->stride, gt_data(x), x->dtype, x->stride));
    offset += x->shape[dim] * y->stride[dim];
  }
  return GT_OK;
}

/* The part of the gradient that belongs to an input, cast to its dtype. */
static gt_status part(gt_call *c, int dim, int64_t start, int i) {
  const gt_spec *x = &c->in_spec[i];
  if (is_nothing(x)) return gt_tensor_zeros(c->cx, x, c->device, &c->gin[i]);
  gt_tensor *piece;
  GT_TRY(gt_apply1(c->cx, "slice", c->gout[0],
                   GT_ARGS({"dim", GT_INT(dim)}, {"start", GT_INT(start)},
                           {"stop", GT_INT(start + x->shape[dim])}),
                   &piece));
  if (piece->dtype == x->dtype) {
    c->gin[i] = piece;
    return GT_OK;
  }
  gt_status status =
      gt_apply1(c->cx, "to", piece, GT_ARGS({"dtype", GT_INT(x->dtype)}), &c->gin[i]);
  gt_tensor_unref(c->cx, piece);
  return status;
}

static gt_status rule(gt_call *c) {
  int dim;
  GT_TRY(gt_dim_resolve(c->cx, "cat", c->attr[DIM].i, model_of(c)->ndim, &dim));
  int64_t start = 0;
  for (int i = 0; i < c->nin; i++) {
    if (c->want[i]) GT_TRY(part(c, dim, start, i));
    if (!is_nothing(&c->in_spec[i])) start += c->in_spec[i].shape[dim];
  }
  return GT_OK;
}

static const gt_setting attrs[] = {
    [DIM] = {"dim", GT_SETTING_INT, .preset = GT_INT(0), .doc = "the dimension that grows"},
};

const gt_op gt_op_cat = {
    .name = "cat",
    .doc = "tensors one after the other along dim",
    .inputs = "tensors...",
    .nin = -1,
    .nout = 1,
    .compute = GT_BYTES,
    .moves = true,
    .strided = 1,
    .differentiable = 1,
    .attrs = attrs,
    .attr_count = GT_COUNT(attrs),
    .infer = infer,
    .forward = forward,
    .rule = rule,
};
