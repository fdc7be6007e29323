/* sin: y = sin x.  dx = cos(x) dy. */
#ifndef real
#include "kernels/op/reals.h"

GT_LOOPS(loop, value, 1, 0);
/* In f32 sin is vectorised where x is small. */
static void circle_f32(int64_t n, const void *const *in, void *out, const gt_value *attr) {
  (void)attr;
  gt_circle_row_f32(n, in[0], out, gt_sin_f32, value_f32);
}

static gt_status map(gt_call *c) {
  return gt_cpu_map(c, c->dtype == GT_F64 ? loop_f64 : circle_f32);
}

static gt_status rule(gt_call *c) {
  gt_frame f = {.cx = c->cx};
  return gt_give_slope(&f, c, gt_op1(&f, "cos", c->in[0]));
}

GT_ROW(sin, 1, .doc = "sine of radians", .save_in = 1, .forward = map, .rule = rule);
#else
static real T(value)(real x) { return sin(x); }
#endif
