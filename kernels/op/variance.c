/* variance.c: see variance.h. */
#include "kernels/op/variance.h"

double gt_variance_freedom(const gt_call *c, int64_t n) {
  double freedom = (double)n;
  if (gt_attr_named(c, "unbiased")->i) freedom -= gt_attr_named(c, "correction")->f;
  return freedom > 0 ? freedom : 0;
}

gt_status gt_infer_variance(gt_call *c) {
  if (!gt_attr_named(c, "unbiased")->i && gt_attr_named(c, "correction")->f != 1)
    return gt_fail(c->cx, GT_EARG, "%s: expected unbiased or correction, got both", c->op->name);
  return gt_infer_reduced_float(c);
}

gt_tensor *gt_variance_gradient(gt_frame *f, gt_call *c, gt_tensor *g) {
  unsigned dims;
  if (f->status == GT_OK) f->status = gt_reduced_dims(c, &dims);
  if (f->status != GT_OK) return NULL;
  gt_tensor *mean = gt_op1_with(f, "mean", c->in[0],
                                GT_ARGS({"dim", *gt_attr_named(c, "dim")}, {"keepdim", GT_INT(1)}));
  gt_tensor *centred = gt_op2(f, "sub", c->in[0], mean);
  double scale = 2 / gt_variance_freedom(c, gt_reduced_count(c, dims));
  gt_tensor *scaled = gt_op_number(f, "mul", g, scale);
  return gt_op2(f, "mul", gt_unreduced(f, c, scaled), centred);
}
