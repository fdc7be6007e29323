/* update.c: arithmetic that optimizers do on parameters in place. */
#include "core/train/update.h"

static gt_status run_into(gt_ctx *cx, const char *name, gt_tensor *a, gt_tensor *b,
                          const gt_value *attr, gt_tensor *target) {
  int op = gt_op_find(cx, name);
  if (op < 0) return gt_fail(cx, GT_EARG, "%s: no such op", name);
  return gt_run_into(cx, cx->ops[op], (gt_tensor *[]){a, b}, 2, attr, target);
}

gt_status gt_update_add(gt_ctx *cx, gt_tensor *a, gt_tensor *b, double alpha, gt_tensor *target) {
  gt_value attr = GT_FLOAT(alpha);
  return run_into(cx, "add", a, b, &attr, target);
}

gt_status gt_update_lerp(gt_ctx *cx, gt_tensor *a, gt_tensor *b, double weight, gt_tensor *target) {
  gt_value attr = GT_FLOAT(weight);
  return run_into(cx, "lerp", a, b, &attr, target);
}
