/* sin: y = sin x.  dx = cos(x) dy. */
#include "kernels/cpu/cpu.h"
#include "kernels/op/rule.h"

static void row_f32(int64_t n, const void *const *in, void *out, const gt_value *attr) {
  (void)attr;
  gt_circle_row_f32(n, in[0], out, gt_sin_f32, sinf);
}

static void row_f64(int64_t n, const void *const *in, void *out, const gt_value *attr) {
  const double *x = in[0];
  double *y = out;
  (void)attr;
  for (int64_t i = 0; i < n; i++) y[i] = sin(x[i]);
}

static gt_status forward(gt_call *c) {
  return gt_cpu_map(c, c->dtype == GT_F64 ? row_f64 : row_f32);
}

static gt_status rule(gt_call *c) {
  gt_frame f = {.cx = c->cx};
  gt_give(&f, c, 0, gt_op2(&f, "mul", c->gout[0], gt_op1(&f, "cos", c->in[0])));
  return gt_frame_end(&f);
}

const gt_op gt_op_sin = {
    .name = "sin",
    .doc = "sine of radians",
    .inputs = "x",
    .where = "method",
    .nin = 1,
    .nout = 1,
    .compute = GT_REALS,
    .numeric = 1,
    .strided = 1,
    .any_dtype = true,
    .differentiable = 1,
    .save_in = 1,
    .elementwise = true,
    .infer = gt_infer_real,
    .forward = forward,
    .rule = rule,
};
