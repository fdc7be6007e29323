/* cos: y = cos x.  dx = -sin(x) dy. */
#ifndef real
#include "kernels/op/reals.h"

GT_LOOPS(loop, value, 1, 0);
/* In f32 cos is vectorised where x is small. */
static void circle_f32(int64_t n, const void *const *in, void *out, const gt_value *attr) {
  (void)attr;
  gt_circle_row_f32(n, in[0], out, gt_cos_f32, value_f32);
}

static gt_status map(gt_call *c) {
  return gt_cpu_map(c, c->dtype == GT_F64 ? loop_f64 : circle_f32);
}

static gt_status rule(gt_call *c) {
  gt_frame f = {.cx = c->cx};
  gt_tensor *product = gt_op2(&f, "mul", c->gout[0], gt_op1(&f, "sin", c->in[0]));
  gt_give(&f, c, 0, gt_op1(&f, "neg", product));
  return gt_frame_end(&f);
}

GT_ROW(cos, 1, .doc = "cosine of radians", .save_in = 1, .forward = map, .rule = rule);
#else
static real T(value)(real x) { return cos(x); }
#endif
