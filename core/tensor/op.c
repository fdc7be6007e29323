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

/* Size of input i along dimension d of the result, 1 where it is broadcast. */
static int64_t size_along(const gt_call *c, int i, int d, int ndim) {
  if (c->in[i] == NULL) return 1;
  int own = d - (ndim - c->in_spec[i].ndim);
  return own < 0 ? 1 : c->in_spec[i].shape[own];
}

/* Says which two inputs disagree along dimension d of the result. */
static gt_status broadcast_failed(gt_call *c, int first, int second, int d, int ndim) {
  char a[32], b[32], a_shape[GT_SHAPE_TEXT], b_shape[GT_SHAPE_TEXT];
  gt_input_name(c->op, first, a);
  gt_input_name(c->op, second, b);
  return gt_fail(c->cx, GT_ESHAPE,
                 "%s: the size of tensor %s (%lld) must match the size of tensor %s (%lld) at "
                 "non-singleton dimension %d [%s: %s, %s: %s]",
                 c->op->name, a, (long long)size_along(c, first, d, ndim), b,
                 (long long)size_along(c, second, d, ndim), d, a,
                 gt_shape_text(&c->in_spec[first], a_shape), b,
                 gt_shape_text(&c->in_spec[second], b_shape));
}

gt_status gt_out_broadcast(gt_call *c, int out, int first, int last, gt_dtype dtype) {
  gt_spec spec = {.dtype = dtype};
  for (int i = first; i <= last; i++) {
    if (c->in[i] != NULL && c->in_spec[i].ndim > spec.ndim) spec.ndim = c->in_spec[i].ndim;
  }
  for (int d = spec.ndim - 1; d >= 0; d--) {
    int chosen = first; /* the input that the size comes from */
    spec.shape[d] = size_along(c, first, d, spec.ndim);
    for (int i = first + 1; i <= last; i++) {
      int64_t size = size_along(c, i, d, spec.ndim);
      if (size == 1 || size == spec.shape[d]) continue;
      if (spec.shape[d] != 1) return broadcast_failed(c, chosen, i, d, spec.ndim);
      spec.shape[d] = size;
      chosen = i;
    }
  }
  c->spec[out] = spec;
  return GT_OK;
}

/* A wrapped number has no size of its own. */
static gt_dtype wrapped_dtype(gt_dtype dtype) {
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
    int r = c->in_spec[i].ndim > 0 ? 0 : c->in[i]->wrapped ? 2 : 1;
    if (r == 2) dtype = wrapped_dtype(dtype);
    rank[r] = rank[r] == GT_NDTYPE ? dtype : gt_dtype_promote(rank[r], dtype);
  }
  gt_dtype result = combine(rank[0], combine(rank[1], rank[2]));
  return result == GT_NDTYPE ? GT_F32 : result;
}

bool gt_input_name(const gt_op *op, int i, char name[32]) {
  const char *at = op->inputs;
  for (; i > 0 && strchr(at, ',') != NULL; i--) at = strchr(at, ',') + 1;
  at += strspn(at, " ");
  size_t length = strcspn(at, ",? .");
  if (length > 31) length = 31;
  memcpy(name, at, length);
  name[length] = 0;
  return at[length] == '?';
}

gt_status gt_dim_resolve(gt_ctx *cx, const char *op, int64_t dim, int ndim, int *out) {
  int count = ndim > 0 ? ndim : 1; /* a 0-d tensor answers to 0 and -1, as in PyTorch */
  if (dim < -count || dim >= count)
    return gt_fail(cx, GT_EINDEX, "%s: expected a dimension from %d to %d, got %lld", op, -count,
                   count - 1, (long long)dim);
  *out = (int)(dim < 0 ? dim + count : dim);
  return GT_OK;
}
