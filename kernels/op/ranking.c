/* ranking.c: see ranking.h. */
#include "kernels/op/ranking.h"

gt_status gt_ranked_dim(gt_call *c, int *out) {
  int64_t dim = gt_attr_named(c, "dim")->i;
  return gt_dim_resolve(c->cx, c->op->name, dim, c->in_spec[0].ndim, out);
}

gt_status gt_rule_ranking(gt_call *c) {
  int dim;
  GT_TRY(gt_ranked_dim(c, &dim));
  if (!c->gout[0]) return GT_OK;
  gt_tensor *zeros;
  GT_TRY(gt_tensor_zeros(c->cx, &c->in_spec[0], c->device, &zeros));
  gt_status status = gt_apply(c->cx, "scatter_add", (gt_tensor *[]){zeros, c->out[1], c->gout[0]},
                              3, GT_ARGS({"dim", GT_INT(dim)}), &c->gin[0]);
  gt_tensor_unref(c->cx, zeros);
  return status;
}
