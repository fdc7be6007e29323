/* sort: values in order along dim, and where they were.  Stable; NaN is the greatest. */
#include "kernels/cpu/order.h"

enum { DIM, DESCENDING };

static gt_status infer(gt_call *c) {
  const gt_spec *x = &c->in_spec[0];
  int dim;
  GT_TRY(gt_dim_resolve(c->cx, "sort", c->attr[DIM].i, x->ndim, &dim));
  GT_TRY(gt_out_like(c, 0, 0));
  return gt_out_spec(c, 1, GT_I64, x->ndim, x->shape);
}

static gt_status forward(gt_call *c) {
  int dim;
  GT_TRY(gt_dim_resolve(c->cx, "sort", c->attr[DIM].i, c->in_spec[0].ndim, &dim));
  return gt_order(c, dim, c->attr[DESCENDING].i != 0);
}

static gt_status rule(gt_call *c) {
  int dim;
  GT_TRY(gt_dim_resolve(c->cx, "sort", c->attr[DIM].i, c->in_spec[0].ndim, &dim));
  return gt_order_rule(c, dim);
}

static const gt_setting attrs[] = {
    [DIM] = {"dim", GT_SETTING_INT, .preset = GT_INT(-1), .doc = "the dimension to sort along"},
    [DESCENDING] = {"descending", GT_SETTING_BOOL, .preset = GT_INT(0), .doc = "greatest first"},
};

const gt_op gt_op_sort = {
    .name = "sort",
    .doc = "values in order along dim, and their positions",
    .inputs = "x",
    .where = "method",
    .nin = 1,
    .nout = 2,
    .compute = GT_NUMBERS,
    .numeric = 1,
    .differentiable = 1,
    .save_out = 2,
    .attrs = attrs,
    .attr_count = GT_COUNT(attrs),
    .infer = infer,
    .forward = forward,
    .rule = rule,
};
