/* gelu: y = x P(x), P the normal distribution function (Hendrycks and Gimpel, 2016), or with
 * approximate="tanh" y = x/2 (1 + tanh u), u = sqrt(2/pi) (x + 0.044715 x^3).
 * dx = (P + x P') dy, P' = e^(-x^2/2) / sqrt(2 pi); for tanh P' = u'(1 - tanh^2 u) / 2. */
#ifndef real
#include "kernels/cpu/cpu.h"

enum { APPROXIMATE };

#define SQRT_2_OVER_PI 0.79788456080286536
#define DENSITY_AT_0 0.3989422804014327 /* 1 / sqrt(2 pi) */
#define CUBIC 0.044715

#include "kernels/op/typed.h"

static gt_status forward(gt_call *c) {
  return gt_cpu_map(c, c->attr[APPROXIMATE].i ? GT_PICK(c, row_tanh) : GT_PICK(c, row));
}

static gt_status backward(gt_call *c) {
  if (c->attr[APPROXIMATE].i)
    return gt_cpu_map_gradient(c, GT_PICK(c, slopes_tanh), GT_PICK(c, slopes_tanh_added));
  return gt_cpu_map_gradient(c, GT_PICK(c, slopes), GT_PICK(c, slopes_added));
}

static const gt_setting attrs[] = {
    {.name = "approximate",
     .type = GT_SETTING_CHOICE,
     .choices = "none|tanh",
     .doc = "the exact form or the one by tanh"},
};

const gt_op gt_op_gelu = {
    .name = "gelu",
    .doc = "x times the normal distribution function of x",
    .inputs = "x",
    .where = "F method",
    .nin = 1,
    .nout = 1,
    .compute = GT_REALS,
    .numeric = 1,
    .strided = 1,
    .any_dtype = true,
    .differentiable = 1,
    .save_in = 1,
    .elementwise = true,
    .attrs = attrs,
    .attr_count = GT_COUNT(attrs),
    .infer = gt_infer_real,
    .forward = forward,
    .backward = backward,
};

#else
static real T(value)(real x) {
  real bell;
  return x * T(gt_normal)(x, &bell);
}
#include "kernels/op/row1.h"

/* d gelu(x) / dx */
static real T(slope)(real x) {
  real bell, p = T(gt_normal)(x, &bell);
  return p + x * (real)DENSITY_AT_0 * bell;
}

static void T(slopes)(int64_t n, const void *const *in, void *out, const gt_value *attr) {
  const real *x = in[0], *dy = in[1];
  real *dx = out;
  (void)attr;
  GT_IVDEP for (int64_t i = 0; i < n; i++) dx[i] = dy[i] * T(slope)(x[i]);
}

static void T(slopes_added)(int64_t n, const void *const *in, void *out, const gt_value *attr) {
  const real *x = in[0], *dy = in[1], *before = in[2];
  real *dx = out;
  (void)attr;
  GT_IVDEP for (int64_t i = 0; i < n; i++) dx[i] = before[i] + dy[i] * T(slope)(x[i]);
}

static void T(row_tanh)(int64_t n, const void *const *in, void *out, const gt_value *attr) {
  const real *x = in[0];
  real *y = out;
  (void)attr;
  GT_IVDEP for (int64_t i = 0; i < n; i++) {
    real u = (real)SQRT_2_OVER_PI * (x[i] + (real)CUBIC * x[i] * x[i] * x[i]);
    y[i] = REAL(0.5) * x[i] * (1 + T(gt_tanh)(u));
  }
}

static real T(slope_tanh)(real x) {
  real square = x * x;
  real t = T(gt_tanh)((real)SQRT_2_OVER_PI * x * (1 + (real)CUBIC * square));
  real inner = (1 - t * t) * (1 + 3 * (real)CUBIC * square) * (real)SQRT_2_OVER_PI;
  return REAL(0.5) * (1 + t + x * inner);
}

static void T(slopes_tanh)(int64_t n, const void *const *in, void *out, const gt_value *attr) {
  const real *x = in[0], *dy = in[1];
  real *dx = out;
  (void)attr;
  GT_IVDEP for (int64_t i = 0; i < n; i++) dx[i] = dy[i] * T(slope_tanh)(x[i]);
}

static void T(slopes_tanh_added)(int64_t n, const void *const *in, void *out,
                                 const gt_value *attr) {
  const real *x = in[0], *dy = in[1], *before = in[2];
  real *dx = out;
  (void)attr;
  GT_IVDEP for (int64_t i = 0; i < n; i++) dx[i] = before[i] + dy[i] * T(slope_tanh)(x[i]);
}
#endif
