/* update.c: arithmetic that optimizers do on parameters in place. */
#include "core/train/update.h"

gt_status gt_update_add(gt_ctx *cx, gt_tensor *a, gt_tensor *b, double alpha, gt_tensor *target) {
  return gt_apply_into(cx, "add", (gt_tensor *[]){a, b}, 2, GT_ARGS({"alpha", GT_FLOAT(alpha)}),
                       target);
}

gt_status gt_update_lerp(gt_ctx *cx, gt_tensor *a, gt_tensor *b, double weight, gt_tensor *target) {
  return gt_apply_into(cx, "lerp", (gt_tensor *[]){a, b}, 2, GT_ARGS({"weight", GT_FLOAT(weight)}),
                       target);
}
