/* sum_to: sums x over the dimensions that broadcasting added or stretched, so that the result has
 * `shape`: the transpose of broadcasting, used by gradient rules. */
#include "kernels/cpu/reduce.h"
#include "kernels/op/rule.h"

enum { SHAPE };

/* Bit d is set when dimension d of x is summed away. */
static unsigned stretched_dims(const gt_call *c) {
  const gt_spec *x = &c->in_spec[0];
  const gt_dims *shape = &c->attr[SHAPE].dims;
  int added = x->ndim - shape->count;
  unsigned dims = 0;
  for (int d = 0; d < x->ndim; d++) {
    if (d < added || (shape->at[d - added] == 1 && x->shape[d] != 1)) dims |= 1u << d;
  }
  return dims;
}

static gt_status infer(gt_call *c) {
  const gt_spec *x = &c->in_spec[0];
  const gt_dims *shape = &c->attr[SHAPE].dims;
  gt_spec to = gt_spec_make(x->dtype, shape->count, shape->at);
  bool fits = shape->count <= x->ndim;
  for (int k = 1; fits && k <= shape->count; k++) {
    int64_t have = x->shape[x->ndim - k], want = shape->at[shape->count - k];
    fits = want == have || want == 1;
  }
  if (!fits) {
    char from[GT_SHAPE_TEXT], text[GT_SHAPE_TEXT];
    return gt_fail(c->cx, GT_ESHAPE, "sum_to: expected a shape that broadcasts to %s, got %s",
                   gt_shape_text(x, from), gt_shape_text(&to, text));
  }
  return gt_out_spec(c, 0, x->dtype, shape->count, shape->at);
}

static gt_status forward(gt_call *c) { return gt_cpu_sum(c, stretched_dims(c), 1); }

static gt_status rule(gt_call *c) {
  gt_frame f = {.cx = c->cx};
  const gt_spec *x = &c->in_spec[0];
  gt_value shape = {.given = true, .dims = {.count = x->ndim}};
  memcpy(shape.dims.at, x->shape, sizeof x->shape);
  gt_give(&f, c, 0, gt_op1_with(&f, "expand", c->gout[0], GT_ARGS({"shape", shape})));
  return gt_frame_end(&f);
}

static const gt_setting attrs[] = {
    {.name = "shape", .type = GT_SETTING_DIMS, .required = true, .doc = "shape of the result"},
};

const gt_op gt_op_sum_to = {
    .name = "sum_to",
    .doc = "sum x down to a shape that broadcasts to x's",
    .inputs = "x",
    .where = "",
    .nin = 1,
    .nout = 1,
    .compute = GT_NUMBERS,
    .numeric = 1,
    .differentiable = 1,
    .attrs = attrs,
    .attr_count = GT_COUNT(attrs),
    .infer = infer,
    .forward = forward,
    .rule = rule,
};
