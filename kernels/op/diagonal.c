/* diagonal: the view of x[…, i, i + offset, …] over two dimensions, which become one at the end. */
#include "kernels/op/arithmetic.h"
#include "kernels/op/geometry.h"

enum { OFFSET, DIM1, DIM2 };

/* Geometry of the diagonal of an array of `shape` with strides `stride`. */
static gt_status diagonal_of(gt_call *c, const gt_spec *x, const int64_t *stride, gt_spec *out,
                             int64_t *out_stride, int64_t *out_offset) {
  int a, b;
  if (x->ndim < 2)
    return gt_fail(c->cx, GT_ESHAPE, "diagonal: expected at least 2 dimensions, got %d", x->ndim);
  GT_TRY(gt_dim_resolve(c->cx, "diagonal", c->attr[DIM1].i, x->ndim, &a));
  GT_TRY(gt_dim_resolve(c->cx, "diagonal", c->attr[DIM2].i, x->ndim, &b));
  if (a == b)
    return gt_fail(c->cx, GT_EARG, "diagonal: expected two different dimensions, got %d twice", a);
  int64_t shift = c->attr[OFFSET].i, down = 0, right = 0; /* where the diagonal starts */
  if (shift < 0)
    down = shift > -x->shape[a] ? -shift : x->shape[a];
  else
    right = shift < x->shape[b] ? shift : x->shape[b];
  int64_t rows = x->shape[a] - down, columns = x->shape[b] - right;
  int n = 0;
  out->dtype = x->dtype;
  for (int d = 0; d < x->ndim; d++) {
    if (d == a || d == b) continue;
    out->shape[n] = x->shape[d];
    out_stride[n++] = stride[d];
  }
  out->shape[n] = gt_min(rows, columns);
  out_stride[n++] = stride[a] + stride[b];
  out->ndim = n;
  *out_offset = out->shape[n - 1] ? down * stride[a] + right * stride[b] : 0;
  return GT_OK;
}

static gt_status view(gt_call *c, gt_tensor **out) {
  gt_tensor *x = c->in[0];
  gt_spec from = gt_spec_of(x), spec = {0};
  int64_t stride[GT_MAX_DIM], offset = 0;
  GT_TRY(diagonal_of(c, &from, x->stride, &spec, stride, &offset));
  return gt_tensor_view(c->cx, x, spec.ndim, spec.shape, stride, x->offset + offset, out);
}

static gt_status rule(gt_call *c) {
  const gt_spec *x = &c->in_spec[0];
  gt_spec spec = {0};
  int64_t full[GT_MAX_DIM], stride[GT_MAX_DIM], offset = 0;
  gt_row_major(x->ndim, x->shape, full);
  GT_TRY(diagonal_of(c, x, full, &spec, stride, &offset));
  return gt_apply1(c->cx, "place", c->gout[0],
                   GT_ARGS({"shape", gt_shape_value(x)},
                           {"stride", gt_dims_value(spec.ndim, stride)},
                           {"offset", GT_INT(offset)}),
                   &c->gin[0]);
}

static const gt_setting attrs[] = {
    [OFFSET] = {"offset", GT_SETTING_INT, .preset = GT_INT(0), .doc = "above (+) or below (-)"},
    [DIM1] = {"dim1", GT_SETTING_INT, .preset = GT_INT(0), .doc = "the rows"},
    [DIM2] = {"dim2", GT_SETTING_INT, .preset = GT_INT(1), .doc = "the columns"},
};

const gt_op gt_op_diagonal = {
    .name = "diagonal",
    .doc = "view of the diagonal of dimensions dim1 and dim2, as the last dimension",
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
