/* masked_select: the elements of x where mask is true, as a 1-d tensor; the two broadcast.
 * Gradient: dy at the positions it came from, zero elsewhere. */
#include "kernels/cpu/indices.h"
#include "kernels/cpu/mask.h"
#include "kernels/cpu/strided.h"
#include "kernels/op/mask.h"
#include "kernels/op/rule.h"

enum { X, MASK };

static gt_status infer(gt_call *c) {
  const gt_spec *mask = &c->in_spec[MASK];
  if (mask->dtype != GT_BOOL)
    return gt_fail(c->cx, GT_EDTYPE, "masked_select: expected a bool mask, got %s",
                   gt_dtype_name(mask->dtype));
  GT_TRY(gt_out_broadcast(c, 0, X, MASK, c->in_spec[X].dtype));
  int64_t all = gt_spec_count(&c->spec[0]), own = gt_spec_count(mask), count;
  GT_TRY(gt_mask_count(c, MASK, &count));
  if (own > 0) count *= all / own;
  return gt_out_spec(c, 0, c->in_spec[X].dtype, 1, &count);
}

/* The row-major elements of t broadcast to shape: its own memory or scratch. */
static gt_status spread(gt_call *c, const gt_tensor *t, const gt_spec *shape, void **out) {
  gt_spec own = gt_spec_of(t);
  if (gt_same_shape(&own, shape)) {
    *out = gt_data(t);
    return GT_OK;
  }
  size_t size = gt_dtype_size(t->dtype);
  int64_t to[GT_MAX_DIM], from[GT_MAX_DIM];
  int added = shape->ndim - t->ndim;
  for (int d = 0; d < shape->ndim; d++)
    from[d] = d < added || t->shape[d - added] == 1 ? 0 : t->stride[d - added];
  gt_row_major(shape->ndim, shape->shape, to);
  GT_TRY(gt_scratch(c->cx, c->device, (size_t)gt_spec_count(shape) * size, out));
  gt_strided_copy(c->cx, size, shape->ndim, shape->shape, *out, to, gt_data(t), from);
  return GT_OK;
}

/* Shape that x and mask broadcast to; c->spec[0] holds the 1-d result by now. */
static gt_spec broadcast_shape(const gt_call *c) {
  const gt_spec *a = &c->in_spec[X], *b = &c->in_spec[MASK];
  gt_spec out = a->ndim >= b->ndim ? *a : *b;
  for (int k = 1; k <= a->ndim && k <= b->ndim; k++) {
    int64_t m = a->shape[a->ndim - k], n = b->shape[b->ndim - k];
    out.shape[out.ndim - k] = m == 1 ? n : m;
  }
  return out;
}

static gt_status forward(gt_call *c) {
  gt_spec shape = broadcast_shape(c);
  int64_t n = gt_spec_count(&shape), count = gt_count(c->out[0]);
  void *x, *mask, *at;
  if (count == 0) return GT_OK;
  GT_TRY(spread(c, c->in[X], &shape, &x));
  GT_TRY(spread(c, c->in[MASK], &shape, &mask));
  GT_TRY(gt_scratch(c->cx, c->device, (size_t)count * sizeof(int64_t), &at));
  GT_TRY(gt_mask_positions(c, mask, n, at));
  gt_take(c->cx, gt_dtype_size(c->in[X]->dtype), (gt_axis){1, n, 1}, at, count, x,
          gt_data(c->out[0]));
  return GT_OK;
}

static gt_status rule(gt_call *c) {
  gt_spec shape = broadcast_shape(c), flat = shape;
  gt_frame f = {.cx = c->cx};
  gt_tensor *zeros = NULL;
  gt_arg all[] = {{"shape", gt_shape_value(&shape)}, {.name = NULL}};
  flat.ndim = 1;
  flat.shape[0] = gt_spec_count(&shape);
  flat.dtype = c->gout[0]->dtype;
  f.status = gt_tensor_zeros(c->cx, &flat, c->device, &zeros);
  gt_tensor *mask = gt_op1_with(&f, "expand", c->in[MASK], all);
  mask = gt_op1_with(&f, "reshape", mask, GT_ARGS({"shape", GT_DIMS1(flat.shape[0])}));
  gt_tensor *at = gt_op1(&f, "nonzero", mask);
  at = gt_op1_with(&f, "squeeze", at, GT_ARGS({"dim", GT_DIMS1(1)}));
  gt_tensor *g = gt_op3(&f, "index_add", zeros, at, c->gout[0]);
  gt_give(&f, c, X, gt_op1_with(&f, "reshape", g, all));
  gt_status status = gt_frame_end(&f);
  gt_tensor_unref(c->cx, zeros);
  return status;
}

const gt_op gt_op_masked_select = {
    .name = "masked_select",
    .doc = "the elements of x where mask is true, 1-d",
    .inputs = "x, mask",
    .where = "method",
    .nin = 2,
    .nout = 1,
    .compute = GT_BYTES,
    .differentiable = 1u << X,
    .save_in = 1u << MASK,
    .infer = infer,
    .forward = forward,
    .rule = rule,
};
