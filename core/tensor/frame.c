/* frame.c: see frame.h. */
#include "core/tensor/frame.h"

/* Place of a among the kept tensors, -1 when it is not of this frame. */
static int place_of(const gt_frame *f, const gt_tensor *a) {
  int k = f->count - 1;
  while (k >= 0 && f->kept[k] != a) k--;
  return k;
}

gt_tensor *gt_last(gt_frame *f, gt_tensor *a) {
  int k = place_of(f, a);
  if (k >= 0) f->last |= 1u << k;
  return a;
}

gt_tensor *gt_pass(gt_frame *f, gt_tensor *a) {
  int k = f->last ? place_of(f, a) : -1;
  if (k >= 0) f->last &= ~(1u << k);
  return a;
}

void gt_used(gt_frame *f, gt_tensor *a) {
  int k = f->last ? place_of(f, a) : -1;
  if (k < 0 || !(f->last >> k & 1)) return;
  int end = --f->count; /* whose entry moves to the free place */
  unsigned moved = f->last >> end & 1;
  f->kept[k] = f->kept[end];
  f->last = (f->last & ~(1u << k) & ~(1u << end)) | (k < end ? moved << k : 0);
  gt_tensor_unref(f->cx, a);
}

void gt_release(gt_frame *f, gt_tensor *a) { gt_used(f, gt_last(f, a)); }

gt_tensor *gt_keep(gt_frame *f, gt_tensor *made) {
  if (made == NULL) return NULL;
  if (f->count == GT_MAX_KEPT) {
    gt_tensor_unref(f->cx, made);
    f->status =
        gt_fail(f->cx, GT_EARG, "frame: expected at most %d tensors at a time", GT_MAX_KEPT);
    return NULL;
  }
  f->kept[f->count++] = made;
  return made;
}

/* op(a) where a is used for the last time: it may be written over. */
static gt_tensor *replace(gt_frame *f, const char *op, int k, const gt_arg *args) {
  f->status = gt_replace(f->cx, op, args, &f->kept[k]);
  if (f->status != GT_OK) return NULL;
  f->last &= ~(1u << k);
  return f->kept[k];
}

static gt_tensor *apply(gt_frame *f, const char *op, int nin, gt_tensor *const *in,
                        const gt_arg *args) {
  if (f->status != GT_OK) return NULL;
  gt_tensor *out = NULL;
  int k = f->last && nin == 1 ? place_of(f, in[0]) : -1;
  if (k >= 0 && f->last >> k & 1) return replace(f, op, k, args);
  f->status = gt_apply(f->cx, op, in, nin, args, &out);
  for (int i = 0; i < nin; i++) gt_used(f, in[i]);
  return gt_keep(f, out);
}

gt_tensor *gt_op1_with(gt_frame *f, const char *op, gt_tensor *a, const gt_arg *args) {
  return apply(f, op, 1, (gt_tensor *[]){a}, args);
}

gt_tensor *gt_op2_with(gt_frame *f, const char *op, gt_tensor *a, gt_tensor *b,
                       const gt_arg *args) {
  return apply(f, op, 2, (gt_tensor *[]){a, b}, args);
}

gt_tensor *gt_op3_with(gt_frame *f, const char *op, gt_tensor *a, gt_tensor *b, gt_tensor *c,
                       const gt_arg *args) {
  return apply(f, op, 3, (gt_tensor *[]){a, b, c}, args);
}

gt_tensor *gt_op1(gt_frame *f, const char *op, gt_tensor *a) { return gt_op1_with(f, op, a, NULL); }

gt_tensor *gt_op2(gt_frame *f, const char *op, gt_tensor *a, gt_tensor *b) {
  return gt_op2_with(f, op, a, b, NULL);
}

gt_tensor *gt_op3(gt_frame *f, const char *op, gt_tensor *a, gt_tensor *b, gt_tensor *c) {
  return gt_op3_with(f, op, a, b, c, NULL);
}

gt_tensor *gt_op_number(gt_frame *f, const char *op, gt_tensor *a, double b) {
  return gt_op2(f, op, a, gt_last(f, gt_number(f, b)));
}

gt_tensor *gt_reshape(gt_frame *f, gt_tensor *a, int ndim, const int64_t *shape) {
  gt_value value = {.given = true, .dims = {.count = ndim}};
  memcpy(value.dims.at, shape, (size_t)ndim * sizeof *shape);
  return gt_op1_with(f, "reshape", a, GT_ARGS({"shape", value}));
}

gt_tensor *gt_number(gt_frame *f, double value) {
  gt_tensor *out = NULL;
  if (f->status == GT_OK) f->status = gt_tensor_scalar(f->cx, GT_F64, value, 0, &out);
  return gt_keep(f, out);
}

gt_tensor *gt_whole(gt_frame *f, int64_t value) {
  gt_tensor *out = NULL;
  if (f->status == GT_OK) f->status = gt_tensor_scalar(f->cx, GT_I64, 0, value, &out);
  return gt_keep(f, out);
}

gt_tensor *gt_new(gt_frame *f, const gt_spec *spec, const gt_backend *device) {
  gt_tensor *out = NULL;
  if (f->status == GT_OK) f->status = gt_tensor_new(f->cx, spec, device, &out);
  return gt_keep(f, out);
}

gt_tensor *gt_view(gt_frame *f, gt_tensor *a, int ndim, const int64_t *shape, const int64_t *stride,
                   int64_t offset) {
  gt_tensor *out = NULL;
  if (f->status == GT_OK) f->status = gt_tensor_view(f->cx, a, ndim, shape, stride, offset, &out);
  return gt_keep(f, out);
}

gt_tensor *gt_copy_of(gt_frame *f, gt_tensor *a, gt_dtype dtype, const gt_backend *device) {
  gt_tensor *out = NULL;
  if (f->status == GT_OK) f->status = gt_copy_new(f->cx, a, dtype, device, &out);
  return gt_keep(f, out);
}

gt_status gt_frame_end(gt_frame *f) {
  while (f->count > 0) gt_tensor_unref(f->cx, f->kept[--f->count]);
  return f->status;
}

gt_status gt_frame_return(gt_frame *f, gt_tensor *result, gt_tensor **out) {
  gt_tensor *kept = f->status == GT_OK ? gt_tensor_ref(result) : NULL;
  gt_status status = gt_frame_end(f);
  if (status == GT_OK) *out = kept;
  return status;
}
