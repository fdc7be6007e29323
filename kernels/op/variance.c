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

gt_tensor *gt_variance_gradient(gt_terms *t, gt_tensor *g) {
  gt_call *c = t->c;
  unsigned dims;
  if (t->status == GT_OK) t->status = gt_reduced_dims(c, &dims);
  if (t->status != GT_OK) return NULL;
  gt_tensor *mean = gt_term1_with(
      t, "mean", c->in[0], GT_ARGS({"dim", *gt_attr_named(c, "dim")}, {"keepdim", GT_INT(1)}));
  gt_tensor *deviation = gt_term2(t, "sub", c->in[0], mean);
  gt_tensor *scaled =
      gt_term_number(t, "mul", g, 2 / gt_variance_freedom(c, gt_reduced_count(c, dims)));
  return gt_term2(t, "mul", gt_unreduced(t, scaled), deviation);
}
