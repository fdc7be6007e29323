/* clip.c: the norm of all gradients, and scaling by it.
 *
 *   norm = sqrt(sum of g^2);  g <- g min(1, limit / (norm + 1e-6)) */
#include "core/train/clip.h"

#include "core/tensor/run.h"

#include <math.h>

/* Sums of squares: of all elements, and of each tensor, (count). */
static gt_status squares(gt_ctx *cx, gt_tensor *const *tensors, int count, gt_tensor *out[2]) {
  bool grad_enabled = cx->grad_enabled;
  for (int i = 0; i < count; i++) {
    if (!gt_dtype_is_float(tensors[i]->dtype))
      return gt_fail(cx, GT_EDTYPE, "norm: expected float tensors, got %s",
                     gt_dtype_name(tensors[i]->dtype));
  }
  cx->grad_enabled = false;
  gt_status status = gt_apply(cx, "squares", tensors, count, NULL, out);
  cx->grad_enabled = grad_enabled;
  return status;
}

gt_status gt_global_norm(gt_ctx *cx, gt_tensor *const *tensors, int count, double *norm) {
  gt_tensor *sums[2] = {NULL, NULL};
  double sum = 0;
  gt_status status = count > 0 ? squares(cx, tensors, count, sums) : GT_OK;
  if (status == GT_OK && count > 0) status = gt_item(cx, sums[0], &sum, NULL);
  if (status == GT_OK) *norm = sqrt(sum);
  gt_tensor_unref(cx, sums[0]);
  gt_tensor_unref(cx, sums[1]);
  return status;
}

gt_status gt_first_nonfinite(gt_ctx *cx, gt_tensor *const *tensors, int count, int *first) {
  gt_tensor *sums[2] = {NULL, NULL};
  int found = -1;
  double *each = gt_calloc(cx, (size_t)count + 1, sizeof *each);
  gt_status status = each ? GT_OK : GT_ENOMEM;
  if (status == GT_OK && count > 0) status = squares(cx, tensors, count, sums);
  if (status == GT_OK && count > 0) status = gt_read(cx, sums[1], GT_F64, each);
  for (int i = 0; status == GT_OK && i < count && found < 0; i++)
    if (!isfinite(each[i])) found = i;
  if (status == GT_OK) *first = found;
  gt_tensor_unref(cx, sums[0]);
  gt_tensor_unref(cx, sums[1]);
  gt_free(each);
  return status;
}

gt_status gt_scale_all(gt_ctx *cx, gt_tensor *const *tensors, int count, double factor) {
  bool grad_enabled = cx->grad_enabled, shielded = cx->shielded;
  gt_tensor *scalar = NULL;
  int op = gt_op_find(cx, "mul");
  if (op < 0) return gt_fail(cx, GT_EARG, "mul: no such op");
  GT_TRY(gt_tensor_scalar(cx, GT_F64, factor, 0, &scalar));
  cx->grad_enabled = false;
  cx->shielded = true;
  gt_status status = GT_OK;
  for (int i = 0; i < count && status == GT_OK; i++)
    status = gt_run_into(cx, cx->ops[op], (gt_tensor *[]){tensors[i], scalar}, 2, NULL, tensors[i]);
  cx->grad_enabled = grad_enabled;
  cx->shielded = shielded;
  gt_tensor_unref(cx, scalar);
  return status;
}

gt_status gt_clip(gt_ctx *cx, gt_tensor *const *tensors, int count, double limit, double *norm) {
  double found = 0;
  GT_TRY(gt_global_norm(cx, tensors, count, &found));
  double factor = limit / (found + 1e-6);
  if (isfinite(found) && factor < 1) GT_TRY(gt_scale_all(cx, tensors, count, factor));
  *norm = found;
  return GT_OK;
}
