/* repeat: x laid out repeats[d] times along every dimension; further dimensions come in front.
 * Gradient: dy summed over the repetitions. */
#include "kernels/op/geometry.h"
#include "kernels/op/rule.h"

enum { REPEATS };

static gt_status infer(gt_call *c) {
  const gt_spec *x = &c->in_spec[0];
  const gt_dims *repeats = &c->attr[REPEATS].dims;
  int added = repeats->count - x->ndim;
  if (added < 0)
    return gt_fail(c->cx, GT_ESHAPE, "repeat: expected at least %d repeats, got %d", x->ndim,
                   repeats->count);
  int64_t shape[GT_MAX_DIM];
  for (int d = 0; d < repeats->count; d++) {
    if (repeats->at[d] < 0)
      return gt_fail(c->cx, GT_EARG, "repeat: expected repeats >= 0, got %lld",
                     (long long)repeats->at[d]);
    if (__builtin_mul_overflow(d < added ? 1 : x->shape[d - added], repeats->at[d], &shape[d]))
      return gt_fail(c->cx, GT_ESHAPE, "repeat: the result is too large");
  }
  return gt_out_spec(c, 0, x->dtype, repeats->count, shape);
}

/* The result seen as (repeats[0], x.shape[0], repeats[1], …): x has stride 0 along the repeats. */
static gt_status forward(gt_call *c) {
  const gt_tensor *x = c->in[0];
  gt_tensor *y = c->out[0];
  const gt_dims *repeats = &c->attr[REPEATS].dims;
  int added = repeats->count - x->ndim, n = 0;
  int64_t shape[GT_COPY_MAX_DIM], to[GT_COPY_MAX_DIM], from[GT_COPY_MAX_DIM];
  for (int d = 0; d < repeats->count; d++) {
    int64_t size = d < added ? 1 : x->shape[d - added];
    shape[n] = repeats->at[d];
    to[n] = size * y->stride[d];
    from[n++] = 0;
    shape[n] = size;
    to[n] = y->stride[d];
    from[n++] = d < added ? 0 : x->stride[d - added];
  }
  return gt_move(c->cx, c->device, n, shape, gt_data(y), y->dtype, to, gt_data(x), x->dtype, from);
}

static gt_status rule(gt_call *c) {
  const gt_spec *x = &c->in_spec[0];
  const gt_dims *repeats = &c->attr[REPEATS].dims;
  int added = repeats->count - x->ndim;
  gt_frame f = {.cx = c->cx};
  gt_tensor *g = c->gout[0];
  gt_spec spec = c->spec[0]; /* of the gradient so far */
  for (int d = 0; d < repeats->count; d++) {
    if (repeats->at[d] == 1) continue;
    int64_t size = d < added ? 1 : x->shape[d - added];
    gt_axis axis = gt_axis_at(&spec, d);
    int64_t split[] = {axis.outer, repeats->at[d], size * axis.inner};
    g = gt_op1_with(&f, "reshape", g, GT_ARGS({"shape", gt_dims_value(3, split)}));
    g = gt_op1_with(&f, "sum", g, GT_ARGS({"dim", GT_DIMS1(1)}));
    spec.shape[d] = size;
  }
  gt_give(&f, c, 0, gt_op1_with(&f, "reshape", g, GT_ARGS({"shape", gt_shape_value(x)})));
  return gt_frame_end(&f);
}

static const gt_setting attrs[] = {
    [REPEATS] = {"repeats", GT_SETTING_DIMS, .required = true, .doc = "how often, per dimension"},
};

const gt_op gt_op_repeat = {
    .name = "repeat",
    .doc = "x laid out several times along its dimensions",
    .inputs = "x",
    .where = "method",
    .nin = 1,
    .nout = 1,
    .compute = GT_BYTES,
    .strided = 1,
    .moves = true,
    .differentiable = 1,
    .attrs = attrs,
    .attr_count = GT_COUNT(attrs),
    .infer = infer,
    .forward = forward,
    .rule = rule,
};
