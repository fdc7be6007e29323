/* select: the view x[index] along one dimension, which disappears. */
#include "kernels/op/geometry.h"

enum { DIM, INDEX };

static gt_status resolve(gt_call *c, const gt_spec *x, int *dim, int64_t *index) {
  if (x->ndim == 0) return gt_fail(c->cx, GT_ESHAPE, "select: a 0-d tensor cannot be indexed");
  GT_TRY(gt_dim_resolve(c->cx, "select", c->attr[DIM].i, x->ndim, dim));
  int64_t n = x->shape[*dim], i = c->attr[INDEX].i;
  if (i < -n || i >= n)
    return gt_fail(c->cx, GT_EINDEX,
                   "select: index %lld is out of range for dimension %d of size %lld", (long long)i,
                   *dim, (long long)n);
  *index = i < 0 ? i + n : i;
  return GT_OK;
}

/* The geometry of the remaining dimensions. */
static int drop(int ndim, int dim, const int64_t *from, int64_t *to) {
  int n = 0;
  for (int d = 0; d < ndim; d++)
    if (d != dim) to[n++] = from[d];
  return n;
}

static gt_status view(gt_call *c, gt_tensor **out) {
  gt_tensor *x = c->in[0];
  gt_spec spec = gt_spec_of(x);
  int dim;
  int64_t index, shape[GT_MAX_DIM], stride[GT_MAX_DIM];
  GT_TRY(resolve(c, &spec, &dim, &index));
  drop(x->ndim, dim, x->shape, shape);
  drop(x->ndim, dim, x->stride, stride);
  return gt_tensor_view(c->cx, x, x->ndim - 1, shape, stride, x->offset + index * x->stride[dim],
                        out);
}

static gt_status rule(gt_call *c) {
  const gt_spec *x = &c->in_spec[0];
  int dim;
  int64_t index, full[GT_MAX_DIM], stride[GT_MAX_DIM];
  GT_TRY(resolve(c, x, &dim, &index));
  gt_row_major(x->ndim, x->shape, full);
  int n = drop(x->ndim, dim, full, stride);
  return gt_apply1(c->cx, "place", c->gout[0],
                   GT_ARGS({"shape", gt_shape_value(x)}, {"stride", gt_dims_value(n, stride)},
                           {"offset", GT_INT(index * full[dim])}),
                   &c->gin[0]);
}

static const gt_setting attrs[] = {
    [DIM] = {"dim", GT_SETTING_INT, .required = true, .doc = "the dimension to index"},
    [INDEX] = {"index", GT_SETTING_INT, .required = true, .doc = "position; negative from the end"},
};

const gt_op gt_op_select = {
    .name = "select",
    .doc = "view of x[index] along dim",
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
