/* clip.c: the norm of all gradients, and scaling by it.
 *
 *   norm = sqrt(sum of g^2);  g <- g min(1, limit / (norm + 1e-6)) */
#include "core/train/clip.h"

#include "core/tensor/frame.h"

#include <math.h>

/* Sums of squares: of all elements, and of each tensor, (count).  False after a failure. */
static bool squares(gt_frame *f, gt_tensor *const *tensors, int count, gt_tensor *out[2]) {
  gt_ctx *cx = f->cx;
  bool grad_enabled = cx->grad_enabled;
  for (int i = 0; i < count && f->status == GT_OK; i++) {
    if (!gt_dtype_is_float(tensors[i]->dtype))
      f->status = gt_fail(cx, GT_EDTYPE, "norm: expected float tensors, got %s",
                          gt_dtype_name(tensors[i]->dtype));
  }
  if (f->status != GT_OK) return false;
  cx->grad_enabled = false;
  f->status = gt_apply(cx, "squares", tensors, count, NULL, out);
  cx->grad_enabled = grad_enabled;
  return f->status == GT_OK && gt_keep(f, out[0]) && gt_keep(f, out[1]);
}

gt_status gt_global_norm(gt_ctx *cx, gt_tensor *const *tensors, int count, double *norm) {
  gt_frame f = {.cx = cx};
  gt_tensor *sums[2];
  double sum = 0;
  if (count > 0 && squares(&f, tensors, count, sums)) f.status = gt_item(cx, sums[0], &sum, NULL);
  if (f.status == GT_OK) *norm = sqrt(sum);
  return gt_frame_end(&f);
}

gt_status gt_first_nonfinite(gt_ctx *cx, gt_tensor *const *tensors, int count, int *first) {
  gt_frame f = {.cx = cx};
  gt_tensor *sums[2];
  int found = -1;
  double *each = gt_calloc(cx, (size_t)count + 1, sizeof *each);
  if (each == NULL) return GT_ENOMEM;
  if (count > 0 && squares(&f, tensors, count, sums)) f.status = gt_read(cx, sums[1], GT_F64, each);
  for (int i = 0; i < count && found < 0; i++)
    if (!isfinite(each[i])) found = i;
  if (f.status == GT_OK) *first = found;
  gt_free(each);
  return gt_frame_end(&f);
}

gt_status gt_scale_all(gt_ctx *cx, gt_tensor *const *tensors, int count, double factor) {
  bool grad_enabled = cx->grad_enabled, shielded = cx->shielded;
  gt_frame f = {.cx = cx};
  gt_tensor *scalar = gt_number(&f, factor);
  cx->grad_enabled = false;
  cx->shielded = true;
  for (int i = 0; i < count && f.status == GT_OK; i++)
    f.status = gt_apply_into(cx, "mul", (gt_tensor *[]){tensors[i], scalar}, 2, NULL, tensors[i]);
  cx->grad_enabled = grad_enabled;
  cx->shielded = shielded;
  return gt_frame_end(&f);
}

gt_status gt_clip(gt_ctx *cx, gt_tensor *const *tensors, int count, double limit, double *norm) {
  double found = 0;
  GT_TRY(gt_global_norm(cx, tensors, count, &found));
  double factor = limit / (found + 1e-6);
  if (isfinite(found) && factor < 1) GT_TRY(gt_scale_all(cx, tensors, count, factor));
  *norm = found;
  return GT_OK;
}
