/* roll: elements shifted along dimensions, those pushed out come back at the other end.  Without
 * dims the tensor is rolled as if it were 1-d. */
#include "kernels/op/geometry.h"

enum { SHIFTS, DIMS };

static gt_status infer(gt_call *c) {
  const gt_dims *shifts = &c->attr[SHIFTS].dims, *dims = &c->attr[DIMS].dims;
  int expected = dims->count > 0 ? dims->count : 1;
  if (dims->count > 0 && c->in_spec[0].ndim == 0)
    return gt_fail(c->cx, GT_EINDEX, "roll: expected a dimension of x, got %lld of a 0-d tensor",
                   (long long)dims->at[0]);
  if (shifts->count != expected)
    return gt_fail(c->cx, GT_EARG, "roll: expected %d shifts, one per dimension, got %d", expected,
                   shifts->count);
  for (int k = 0; k < dims->count; k++) {
    int d;
    GT_TRY(gt_dim_resolve(c->cx, "roll", dims->at[k], c->in_spec[0].ndim, &d));
  }
  return gt_out_like(c, 0, 0);
}

/* Every rolled dimension falls into two pieces; piece number `pieces` has one bit per dimension. */
static gt_status copy_piece(gt_call *c, const gt_spec *x, const int64_t *shift, unsigned piece) {
  int64_t shape[GT_MAX_DIM], stride[GT_MAX_DIM], from = 0, to = 0;
  gt_row_major(x->ndim, x->shape, stride);
  for (int d = 0; d < x->ndim; d++) {
    int64_t staying = x->shape[d] - shift[d];
    bool wrapped = piece >> d & 1;
    shape[d] = wrapped ? shift[d] : staying;
    from += (wrapped ? staying : 0) * stride[d];
    to += (wrapped ? 0 : shift[d]) * stride[d];
  }
  int64_t size = (int64_t)gt_dtype_size(x->dtype);
  return gt_move(c->cx, c->device, x->ndim, shape, (char *)gt_data(c->out[0]) + to * size, x->dtype,
                 stride, (const char *)gt_data(c->in[0]) + from * size, x->dtype, stride);
}

static gt_status forward(gt_call *c) {
  const gt_dims *shifts = &c->attr[SHIFTS].dims, *dims = &c->attr[DIMS].dims;
  gt_spec x = gt_spec_of(c->in[0]);
  int64_t count = gt_spec_count(&x), shift[GT_MAX_DIM] = {0};
  if (count == 0) return GT_OK;
  bool flat = dims->count == 0 || x.ndim == 0;
  if (flat) x = gt_spec_make(x.dtype, 1, &count);
  for (int k = 0; k < shifts->count; k++) {
    int64_t d = flat ? 0 : dims->at[k] < 0 ? dims->at[k] + x.ndim : dims->at[k];
    int64_t n = x.shape[d], by = shifts->at[k] % n;
    shift[d] = (shift[d] + by + n) % n;
  }
  unsigned rolled = 0;
  for (int d = 0; d < x.ndim; d++)
    if (shift[d]) rolled |= 1u << d;
  for (unsigned piece = rolled;; piece = (piece - 1) & rolled) {
    GT_TRY(copy_piece(c, &x, shift, piece));
    if (piece == 0) return GT_OK;
  }
}

static gt_status rule(gt_call *c) {
  gt_value back = c->attr[SHIFTS];
  const gt_spec *x = &c->in_spec[0];
  for (int k = 0; k < back.dims.count; k++) {
    int64_t d = c->attr[DIMS].given ? c->attr[DIMS].dims.at[k] : 0;
    int64_t n = !c->attr[DIMS].given ? gt_spec_count(x)
                : x->ndim == 0       ? 1
                                     : x->shape[d < 0 ? d + x->ndim : d];
    back.dims.at[k] = n ? -(back.dims.at[k] % n) : 0;
  }
  return gt_apply1(c->cx, "roll", c->gout[0], GT_ARGS({"shifts", back}, {"dims", c->attr[DIMS]}),
                   &c->gin[0]);
}

static const gt_setting attrs[] = {
    [SHIFTS] = {"shifts", GT_SETTING_DIMS, .required = true, .doc = "how far, per dimension"},
    [DIMS] = {"dims", GT_SETTING_DIMS, .doc = "dimensions to roll; all as one if not given"},
};

const gt_op gt_op_roll = {
    .name = "roll",
    .doc = "x shifted along dims, the end comes back at the beginning",
    .inputs = "x",
    .where = "method",
    .nin = 1,
    .nout = 1,
    .compute = GT_BYTES,
    .moves = true,
    .differentiable = 1,
    .attrs = attrs,
    .attr_count = GT_COUNT(attrs),
    .infer = infer,
    .forward = forward,
    .rule = rule,
};
