/* op.c: what the shape rules of ops are written with. */
#include "core/tensor/op.h"

gt_status gt_out_spec(gt_call *c, int out, gt_dtype dtype, int ndim, const int64_t *shape) {
  if (ndim > GT_MAX_DIM)
    return gt_fail(c->cx, GT_ESHAPE, "%s: expected at most %d dimensions, got %d", c->op->name,
                   GT_MAX_DIM, ndim);
  c->spec[out] = gt_spec_make(dtype, ndim, shape);
  return GT_OK;
}

gt_status gt_out_like(gt_call *c, int out, int in) {
  c->spec[out] = c->in_spec[in];
  return GT_OK;
}

static gt_status broadcast_failed(gt_call *c, int first, int last) {
  char list[512], shape[GT_SHAPE_TEXT];
  size_t length = 0;
  list[0] = 0;
  for (int i = first; i <= last && length < sizeof list - GT_SHAPE_TEXT; i++) {
    if (c->in[i] == NULL) continue;
    const char *text = gt_shape_text(&c->in_spec[i], shape);
    size_t bytes = strlen(text);
    const char *joint = length == 0 ? "" : i == last ? " and " : ", ";
    memcpy(list + length, joint, strlen(joint));
    length += strlen(joint);
    memcpy(list + length, text, bytes + 1);
    length += bytes;
  }
  return gt_fail(c->cx, GT_ESHAPE, "%s: expected shapes that broadcast, got %s", c->op->name, list);
}

gt_status gt_out_broadcast(gt_call *c, int out, int first, int last, gt_dtype dtype) {
  gt_spec spec = {.dtype = dtype};
  for (int i = first; i <= last; i++) {
    if (c->in[i] != NULL && c->in_spec[i].ndim > spec.ndim) spec.ndim = c->in_spec[i].ndim;
  }
  for (int d = 0; d < spec.ndim; d++) spec.shape[d] = 1;
  for (int i = first; i <= last; i++) {
    if (c->in[i] == NULL) continue;
    const gt_spec *in = &c->in_spec[i];
    int64_t *shape = spec.shape + spec.ndim - in->ndim;
    for (int d = 0; d < in->ndim; d++) {
      if (in->shape[d] == 1 || in->shape[d] == shape[d]) continue;
      if (shape[d] != 1) return broadcast_failed(c, first, last);
      shape[d] = in->shape[d];
    }
  }
  c->spec[out] = spec;
  return GT_OK;
}

/* A weak number has no size of its own. */
static gt_dtype weak_dtype(gt_dtype dtype) {
  if (gt_dtype_is_float(dtype)) return GT_F32;
  return dtype == GT_BOOL ? GT_BOOL : GT_I64;
}

/* A lower rank only counts when it is of a higher kind: bool < integer < float. */
static gt_dtype combine(gt_dtype higher, gt_dtype lower) {
  if (higher == GT_NDTYPE) return lower;
  if (lower == GT_NDTYPE || gt_dtype_is_float(higher)) return higher;
  if (higher == GT_BOOL || gt_dtype_is_float(lower)) return gt_dtype_promote(higher, lower);
  return higher;
}

/* PyTorch's three ranks: tensors with dimensions, then 0-d tensors, then plain numbers. */
gt_dtype gt_result_type(const gt_call *c, unsigned inputs) {
  gt_dtype rank[3] = {GT_NDTYPE, GT_NDTYPE, GT_NDTYPE};
  for (int i = 0; i < c->nin; i++) {
    bool named = c->op->nin < 0 ? inputs & 1u : inputs >> i & 1u;
    if (!named || c->in[i] == NULL) continue;
    gt_dtype dtype = c->in_spec[i].dtype;
    int r = c->in_spec[i].ndim > 0 ? 0 : c->in[i]->weak ? 2 : 1;
    if (r == 2) dtype = weak_dtype(dtype);
    rank[r] = rank[r] == GT_NDTYPE ? dtype : gt_dtype_promote(rank[r], dtype);
  }
  gt_dtype result = combine(rank[0], combine(rank[1], rank[2]));
  return result == GT_NDTYPE ? GT_F32 : result;
}

gt_status gt_dim_resolve(gt_ctx *cx, const char *op, int64_t dim, int ndim, int *out) {
  int count = ndim > 0 ? ndim : 1; /* a 0-d tensor answers to 0 and -1, as in PyTorch */
  if (dim < -count || dim >= count)
    return gt_fail(cx, GT_EINDEX, "%s: expected a dimension from %d to %d, got %lld", op, -count,
                   count - 1, (long long)dim);
  *out = (int)(dim < 0 ? dim + count : dim);
  return GT_OK;
}
