/* gelu: y = x P(x), P the normal distribution function (Hendrycks and Gimpel, 2016), or with
 * approximate="tanh" y = x/2 (1 + tanh u), u = sqrt(2/pi) (x + 0.044715 x^3).
 * dx = (P + x P') dy, P' = e^(-x^2/2) / sqrt(2 pi); for tanh P' = u'(1 - tanh^2 u) / 2. */
#ifndef real
#include "kernels/op/reals.h"
GT_LOOPS(loop, value, 1, 0);
GT_LOOPS(loop_tanh, value_tanh, 1, 0);
GT_BACKWARD(exact, slope, 0);
GT_BACKWARD(by_tanh, slope_tanh, 0);

enum { APPROXIMATE };

static gt_status map(gt_call *c) {
  return gt_cpu_map(c, c->attr[APPROXIMATE].i ? GT_PICK(c, loop_tanh) : GT_PICK(c, loop));
}

static gt_status backward(gt_call *c) { return c->attr[APPROXIMATE].i ? by_tanh(c) : exact(c); }

static const gt_setting attrs[] = {
    {.name = "approximate",
     .type = GT_SETTING_CHOICE,
     .choices = "none|tanh",
     .doc = "the exact form or the one by tanh"},
};

GT_ROW(gelu, 1, .doc = "x times the normal distribution function of x", .where = "F method",
       .save_in = 1, .attrs = attrs, .attr_count = GT_COUNT(attrs), .forward = map,
       .backward = backward);
#else
static real T(value)(real x) {
  real bell;
  return x * T(gt_normal)(x, &bell);
}

static real T(slope)(real x) {
  real bell, p = T(gt_normal)(x, &bell);
  return p + x * (real)0.3989422804014327 * bell; /* 1 / sqrt(2 pi) */
}

#define SQRT_2_OVER_PI ((real)0.79788456080286536)
#define CUBIC ((real)0.044715)

static real T(value_tanh)(real x) {
  real u = SQRT_2_OVER_PI * (x + CUBIC * x * x * x);
  return REAL(0.5) * x * (1 + T(gt_tanh)(u));
}

static real T(slope_tanh)(real x) {
  real square = x * x;
  real t = T(gt_tanh)(SQRT_2_OVER_PI * x * (1 + CUBIC * square));
  real inner = (1 - t * t) * (1 + 3 * CUBIC * square) * SQRT_2_OVER_PI;
  return REAL(0.5) * (1 + t + x * inner);
}

#undef SQRT_2_OVER_PI
#undef CUBIC
#endif
