/* pow: y = a^b.  da = b a^(b-1) dy (0 where b is 0), db = y ln(a) dy (0 where a is 0 and b is not
 * negative).  Integers to integers stay integers and wrap; their exponents must not be negative. */
#ifndef real
#include "kernels/op/numbers.h"
/* Exponents that have a faster way. */
GT_LOOPS(loop_square, square, 1, 0);
GT_LOOPS(loop_cube, cube, 1, 0);
GT_LOOPS(loop_sqrt, root, 1, 0);
GT_LOOPS(loop_reciprocal, inverse, 1, 0);
GT_LOOPS(loop, value, 2, 0);

static bool any_negative(const gt_tensor *t) {
  const int64_t *b = gt_data(t);
  int64_t n = gt_count(t);
  for (int64_t i = 0; i < n; i++) {
    if (b[i] < 0) return true;
  }
  return false;
}

/* The one exponent of a call like x ^ 2; NaN when there are several or they are integers. */
static double exponent_of(const gt_call *c) {
  if (c->dtype == GT_I64 || gt_count(c->in[1]) != 1) return NAN;
  return c->dtype == GT_F64 ? *(double *)gt_data(c->in[1]) : *(float *)gt_data(c->in[1]);
}

static gt_status power(gt_call *c) {
  if (c->dtype == GT_I64 && any_negative(c->in[1])) {
    return gt_fail(c->cx, GT_EARG, "pow: expected exponents >= 0 for integers, got a negative one");
  }
  double b = exponent_of(c);
  if (b == 2) return gt_cpu_map(c, GT_PICK(c, loop_square));
  if (b == 3) return gt_cpu_map(c, GT_PICK(c, loop_cube));
  if (b == 0.5) return gt_cpu_map(c, GT_PICK(c, loop_sqrt));
  if (b == -1) return gt_cpu_map(c, GT_PICK(c, loop_reciprocal));
  return gt_cpu_map(c, GT_PICK(c, loop));
}

/* `value` where `condition` is zero, 0 elsewhere. */
static gt_tensor *unless(gt_frame *f, gt_tensor *condition, gt_tensor *value) {
  return gt_op3(f, "where", condition, gt_number(f, 0), value);
}

static gt_status rule(gt_call *c) {
  gt_frame f = {.cx = c->cx};
  gt_tensor *g = c->gout[0], *a = gt_wide(&f, c, c->in[0]), *b = gt_wide(&f, c, c->in[1]);
  if (c->want[0]) {
    gt_tensor *lower = gt_op2(&f, "pow", a, gt_op_number(&f, "sub", b, 1));
    gt_tensor *slope = gt_op2(&f, "mul", b, lower);
    gt_tensor *constant = gt_op_number(&f, "eq", b, 0);
    gt_give(&f, c, 0, unless(&f, constant, gt_op2(&f, "mul", g, slope)));
  }
  if (c->want[1]) {
    gt_tensor *slope = gt_op2(&f, "mul", gt_op2(&f, "pow", a, b), gt_op1(&f, "log", a));
    gt_tensor *flat =
        gt_op2(&f, "logical_and", gt_op_number(&f, "eq", a, 0), gt_op_number(&f, "ge", b, 0));
    gt_give(&f, c, 1, unless(&f, flat, gt_op2(&f, "mul", g, slope)));
  }
  return gt_frame_end(&f);
}

GT_ROW(pow, 2, .doc = "a ^ b, broadcast", .strided = 1, .any_dtype = false, .save_in = 3,
       .forward = power, .rule = rule);
#else
#if REAL_IS_INTEGER
static real T(value)(real a, real b) {
  real y = 1;
  for (; b > 0; b >>= 1) {
    if (b & 1) y = T(gt_times)(y, a);
    a = T(gt_times)(a, a);
  }
  return y;
}
#else
static real T(value)(real a, real b) { return pow(a, b); }
#endif

static real T(square)(real a) { return T(gt_times)(a, a); }
static real T(cube)(real a) { return T(gt_times)(T(gt_times)(a, a), a); }
static real T(root)(real a) { return (real)sqrt(a); }
static real T(inverse)(real a) { return 1 / a; }
#endif
