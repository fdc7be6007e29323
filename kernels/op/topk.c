/* topk: the k greatest (or least) values along dim in order, and where they were; of equal values
 * the one that comes first. */
#include "kernels/cpu/order.h"

enum { K, DIM, LARGEST };

static gt_status infer(gt_call *c) {
  gt_spec out = c->in_spec[0];
  int dim;
  GT_TRY(gt_dim_resolve(c->cx, "topk", c->attr[DIM].i, out.ndim, &dim));
  int64_t k = c->attr[K].i, n = gt_axis_at(&out, dim).size;
  if (k < 0 || k > n)
    return gt_fail(c->cx, GT_EARG, "topk: expected k between 0 and %lld (dimension %d), got %lld",
                   (long long)n, dim, (long long)k);
  if (out.ndim > 0) out.shape[dim] = k;
  GT_TRY(gt_out_spec(c, 0, out.dtype, out.ndim, out.shape));
  return gt_out_spec(c, 1, GT_I64, out.ndim, out.shape);
}

static gt_status forward(gt_call *c) {
  int dim;
  GT_TRY(gt_dim_resolve(c->cx, "topk", c->attr[DIM].i, c->in_spec[0].ndim, &dim));
  return gt_order(c, dim, c->attr[LARGEST].i != 0);
}

static gt_status rule(gt_call *c) {
  int dim;
  GT_TRY(gt_dim_resolve(c->cx, "topk", c->attr[DIM].i, c->in_spec[0].ndim, &dim));
  return gt_order_rule(c, dim);
}

static const gt_setting attrs[] = {
    [K] = {"k", GT_SETTING_INT, .required = true, .doc = "how many"},
    [DIM] = {"dim", GT_SETTING_INT, .preset = GT_INT(-1), .doc = "the dimension to search"},
    [LARGEST] = {"largest", GT_SETTING_BOOL, .preset = GT_INT(1), .doc = "false: the least"},
};

const gt_op gt_op_topk = {
    .name = "topk",
    .doc = "the k greatest values along dim in order, and their positions",
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
