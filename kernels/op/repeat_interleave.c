/* repeat_interleave: every slice along dim repeated in place: 1 2 3 becomes 1 1 2 2 3 3.  Without
 * dim the tensor counts as 1-d.  Gradient: dy summed over the repetitions. */
#include "kernels/op/geometry.h"
#include "kernels/op/rule.h"

enum { REPEATS, DIM };

/* x seen as (outer, size, inner) around the dimension that grows. */
static gt_status axis_of(gt_call *c, const gt_spec *x, int *dim, gt_axis *axis) {
  *dim = 0;
  *axis = (gt_axis){1, gt_spec_count(x), 1};
  if (!c->attr[DIM].given) return GT_OK;
  GT_TRY(gt_dim_resolve(c->cx, "repeat_interleave", c->attr[DIM].i, x->ndim, dim));
  *axis = gt_axis_at(x, *dim);
  return GT_OK;
}

static gt_status infer(gt_call *c) {
  const gt_spec *x = &c->in_spec[0];
  int64_t repeats = c->attr[REPEATS].i;
  int dim;
  gt_axis axis;
  GT_TRY(axis_of(c, x, &dim, &axis));
  if (repeats < 0)
    return gt_fail(c->cx, GT_EARG, "repeat_interleave: expected repeats >= 0, got %lld",
                   (long long)repeats);
  gt_spec out = *x;
  if (!c->attr[DIM].given || x->ndim == 0) out.ndim = 1;
  if (__builtin_mul_overflow(axis.size, repeats, &out.shape[dim]))
    return gt_fail(c->cx, GT_ESHAPE, "repeat_interleave: the result is too large");
  return gt_out_spec(c, 0, out.dtype, out.ndim, out.shape);
}

static gt_status forward(gt_call *c) {
  gt_spec x = gt_spec_of(c->in[0]);
  int dim;
  gt_axis axis;
  GT_TRY(axis_of(c, &x, &dim, &axis));
  int64_t shape[] = {axis.outer, axis.size, c->attr[REPEATS].i, axis.inner};
  int64_t to[4], from[] = {axis.size * axis.inner, axis.inner, 0, 1};
  gt_row_major(4, shape, to);
  return gt_move(c->cx, c->device, 4, shape, gt_data(c->out[0]), x.dtype, to, gt_data(c->in[0]),
                 x.dtype, from);
}

static gt_status rule(gt_call *c) {
  const gt_spec *x = &c->in_spec[0];
  int dim;
  gt_axis axis;
  GT_TRY(axis_of(c, x, &dim, &axis));
  gt_frame f = {.cx = c->cx};
  int64_t split[] = {axis.outer, axis.size, c->attr[REPEATS].i, axis.inner};
  gt_tensor *g =
      gt_op1_with(&f, "reshape", c->gout[0], GT_ARGS({"shape", gt_dims_value(4, split)}));
  g = gt_op1_with(&f, "sum", g, GT_ARGS({"dim", GT_DIMS1(2)}));
  gt_give(&f, c, 0, gt_op1_with(&f, "reshape", g, GT_ARGS({"shape", gt_shape_value(x)})));
  return gt_frame_end(&f);
}

static const gt_setting attrs[] = {
    [REPEATS] = {"repeats", GT_SETTING_INT, .required = true, .doc = "how often"},
    [DIM] = {"dim", GT_SETTING_INT, .doc = "the dimension that grows; all as one if not given"},
};

const gt_op gt_op_repeat_interleave = {
    .name = "repeat_interleave",
    .doc = "every slice of x along dim, repeated",
    .inputs = "x",
    .where = "method",
    .nin = 1,
    .nout = 1,
    .compute = GT_BYTES,
    .moves = true,
    .differentiable = 1,
    .attrs = attrs,
    .attr_count = GT_COUNT(attrs),
    .infer = infer,
    .forward = forward,
    .rule = rule,
};
