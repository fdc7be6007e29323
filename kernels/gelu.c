/* gelu: y = x P(x), P the normal distribution function (Hendrycks and Gimpel, 2016), or with
 * approximate="tanh" y = x/2 (1 + tanh u), u = sqrt(2/pi) (x + 0.044715 x^3).
 * dx = (P + x P') dy, P' = e^(-x^2/2) / sqrt(2 pi); for tanh P' = u'(1 - tanh^2 u) / 2. */
#ifndef real
#include "kernels/cpu.h"
#include "kernels/rule.h"

enum { APPROXIMATE };

#define SQRT_2_OVER_PI 0.79788456080286536
#define CUBIC 0.044715

#define GT_TYPED "kernels/gelu.c"
#include "kernels/typed.h"

static gt_status forward(gt_call *c) {
  return gt_cpu_map(c, c->attr[APPROXIMATE].i ? GT_PICK(c, row_tanh) : GT_PICK(c, row));
}

/* P and P' of the exact form. */
static void terms_exact(gt_terms *t, gt_tensor *x, gt_tensor **p, gt_tensor **slope) {
  gt_tensor *e = gt_term1(t, "erf", gt_term_number(t, "mul", x, 0.70710678118654752));
  gt_tensor *half = gt_term_number(t, "mul", gt_term1(t, "square", x), -0.5);
  *p = gt_term_number(t, "mul", gt_term_number(t, "add", e, 1), 0.5);
  *slope = gt_term_number(t, "mul", gt_term1(t, "exp", half), 0.3989422804014327);
}

/* P = (1 + tanh u) / 2 and P'. */
static void terms_tanh(gt_terms *t, gt_tensor *x, gt_tensor **p, gt_tensor **slope) {
  gt_tensor *square = gt_term1(t, "square", x);
  gt_tensor *factor = gt_term_number(t, "add", gt_term_number(t, "mul", square, CUBIC), 1);
  gt_tensor *u = gt_term_number(t, "mul", gt_term2(t, "mul", x, factor), SQRT_2_OVER_PI);
  gt_tensor *tanh_u = gt_term1(t, "tanh", u);
  gt_tensor *rest = gt_term2(t, "sub", gt_number(t, 1), gt_term1(t, "square", tanh_u));
  gt_tensor *du = gt_term_number(t, "add", gt_term_number(t, "mul", square, 3 * CUBIC), 1);
  *p = gt_term_number(t, "mul", gt_term_number(t, "add", tanh_u, 1), 0.5);
  *slope = gt_term_number(t, "mul", gt_term2(t, "mul", rest, du), 0.5 * SQRT_2_OVER_PI);
}

static gt_status rule(gt_call *c) {
  gt_terms t = {.c = c};
  gt_tensor *x = c->in[0], *p, *slope;
  (c->attr[APPROXIMATE].i ? terms_tanh : terms_exact)(&t, x, &p, &slope);
  gt_tensor *dy_dx = gt_term2(&t, "add", p, gt_term2(&t, "mul", x, slope));
  gt_give(&t, 0, gt_term2(&t, "mul", c->gout[0], dy_dx));
  return gt_terms_end(&t);
}

static const gt_attr attrs[] = {
    {.name = "approximate",
     .type = GT_ATTR_CHOICE,
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
    .rule = rule,
};

#else
static real T(value)(real x) {
  return REAL(0.5) * x * (1 + T(gt_erf)(x * REAL(0.70710678118654752)));
}
#include "kernels/row1.h"

static void T(row_tanh)(int64_t n, const void *const *in, void *out, const gt_value *attr) {
  const real *x = in[0];
  real *y = out;
  (void)attr;
  GT_IVDEP for (int64_t i = 0; i < n; i++) {
    real u = (real)SQRT_2_OVER_PI * (x[i] + (real)CUBIC * x[i] * x[i] * x[i]);
    y[i] = REAL(0.5) * x[i] * (1 + T(gt_tanh)(u));
  }
}
#endif
