/* sort: values in order along dim, and where they were.  Stable; NaN is the greatest. */
#include "kernels/cpu/ranking.h"
#include "kernels/op/ranking.h"

enum { DIM, DESCENDING };

static gt_status infer(gt_call *c) {
  const gt_spec *x = &c->in_spec[0];
  int dim;
  GT_TRY(gt_ranked_dim(c, &dim));
  GT_TRY(gt_out_like(c, 0, 0));
  return gt_out_spec(c, 1, GT_I64, x->ndim, x->shape);
}

static gt_status forward(gt_call *c) { return gt_cpu_rank(c, c->attr[DESCENDING].i != 0); }

static const gt_setting attrs[] = {
    [DIM] = {"dim", GT_SETTING_INT, .preset = GT_INT(-1), .doc = "the dimension to sort along"},
    [DESCENDING] = {"descending", GT_SETTING_BOOL, .preset = GT_INT(0), .doc = "greatest first"},
};

GT_RANKING(sort, .doc = "values in order along dim, and their positions", .attrs = attrs,
           .attr_count = GT_COUNT(attrs), .infer = infer, .forward = forward);
