/* prepare.c: dtype and layout of what kernels see: the rules of op.h. */
#include "core/tensor/prepare.h"

gt_dtype gt_dtype_compute_of(gt_compute compute, gt_dtype dtype) {
  if (dtype == GT_F64) return GT_F64;
  if (compute == GT_NUMBERS && !gt_dtype_is_float(dtype)) return GT_I64;
  return GT_F32;
}

void gt_dtype_choose(gt_call *c) {
  bool any = false;
  for (int i = 0; i < c->nin && !any; i++)
    any = c->in[i] != NULL && gt_op_bit(c->op, c->op->numeric, i);
  c->dtype = c->stored = GT_NDTYPE;
  if (!any) return;
  gt_dtype result = gt_result_type(c, c->op->numeric);
  c->dtype = c->stored = gt_dtype_compute_of(c->op->compute, result);
  if (c->device->halves >> result & 1u) c->stored = result;
}

/* True when run.c converts between what the user gave and what the kernel computes in.  On meta as
 * on the CPU, so that its memory counts are those of the CPU. */
static bool is_converted(const gt_call *c) {
  if (c->op->compute == GT_BYTES || c->op->any_dtype) return false;
  return c->device->kernels != NULL || c->op->direct == NULL || !c->op->direct(c);
}

gt_dtype gt_dtype_of_input(const gt_call *c, int i) {
  return is_converted(c) && gt_op_bit(c->op, c->op->numeric, i) ? c->stored : c->in_spec[i].dtype;
}

gt_dtype gt_dtype_of_output(const gt_call *c, gt_dtype dtype) {
  if (!is_converted(c) || dtype == GT_I64) return dtype;
  /* Sums and scales that come with halves are f32. */
  return dtype == GT_F32 && gt_dtype_is_half(c->stored) ? GT_F32 : c->stored;
}

gt_status gt_prepare(gt_ctx *cx, gt_tensor *t, gt_dtype dtype, const gt_backend *device,
                     bool contiguous, gt_tensor **out) {
  if (t->dtype == dtype && t->storage->device == device && (!contiguous || gt_is_contiguous(t))) {
    *out = gt_tensor_ref(t);
    return GT_OK;
  }
  GT_TRY(gt_copy_new(cx, t, dtype, device, out));
  (*out)->wrapped = t->wrapped;
  return GT_OK;
}

gt_kernel gt_kernel_find(const gt_call *c, bool backward) {
  if (c->device->kernels == NULL || c->op->moves)
    return backward ? c->op->backward : c->op->forward;
  int op = gt_op_find(c->cx, c->op->name);
  return op >= 0 ? c->device->kernels[op][backward] : NULL;
}

gt_status gt_kernel_or_fallback(gt_call *c, bool backward, gt_kernel *out) {
  gt_kernel kernel = gt_kernel_find(c, backward);
  if (kernel == NULL && !c->device->host && c->device->data) {
    kernel = backward ? c->op->backward : c->op->forward;
    if (kernel != NULL) GT_TRY(gt_fallback(c));
  }
  if (kernel == NULL)
    return gt_fail(c->cx, GT_EGRAPH, "%s: this op has no %s", c->op->name,
                   backward ? "gradient" : "kernel");
  *out = kernel;
  return GT_OK;
}

gt_status gt_kernel_run(gt_call *c, gt_kernel kernel, bool backward) {
  void *room;
  if (c->device->data) return kernel(c);
  if (c->op->scratch == NULL) return GT_OK;
  return gt_scratch(c->cx, c->device, c->op->scratch(c, backward), &room);
}
