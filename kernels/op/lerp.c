/* lerp: y = a + weight (b - a), from the end that is nearer so that weight 1 gives b exactly.
 * da = (1 - weight) dy, db = weight dy. */
#ifndef real
#include "kernels/op/reals.h"
GT_LOOPS(loop_from_a, from_a, 2, 1);
GT_LOOPS(loop_from_b, from_b, 2, 1);

static gt_status infer(gt_call *c) {
  for (int k = 0; k < 2; k++) {
    gt_dtype dtype = c->in_spec[k].dtype;
    if (!gt_dtype_is_float(dtype)) {
      return gt_fail(c->cx, GT_EDTYPE, "lerp: expected floating tensors, got %s",
                     gt_dtype_name(dtype));
    }
  }
  return gt_infer_arithmetic(c);
}

static gt_status map(gt_call *c) {
  bool near_a = fabs(c->attr[0].f) < 0.5;
  return gt_cpu_map(c, near_a ? GT_PICK(c, loop_from_a) : GT_PICK(c, loop_from_b));
}

static gt_status rule(gt_call *c) {
  gt_frame f = {.cx = c->cx};
  gt_tensor *g = c->gout[0];
  double weight = c->attr[0].f;
  if (c->want[0]) gt_give(&f, c, 0, gt_op_number(&f, "mul", g, 1 - weight));
  if (c->want[1]) gt_give(&f, c, 1, gt_op_number(&f, "mul", g, weight));
  return gt_frame_end(&f);
}

static const gt_setting attrs[] = {
    {.name = "weight",
     .type = GT_SETTING_FLOAT,
     .required = true,
     .doc = "0 gives a, 1 gives b",
     .instead = "a + weight * (b - a)"},
};

GT_ROW(lerp, 2, .doc = "a + weight (b - a), broadcast", .attrs = attrs,
       .attr_count = GT_COUNT(attrs), .infer = infer, .forward = map, .rule = rule);
#else
static real T(from_a)(real a, real b, real weight) { return a + weight * (b - a); }
static real T(from_b)(real a, real b, real weight) { return b - (1 - weight) * (b - a); }
#endif
