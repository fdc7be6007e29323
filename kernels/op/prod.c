/* prod: y = the product of x over dimensions; integers and bool give i64.
 * dx = dy times the product of the other elements, found without dividing by zero: p is the product
 * with zeros left out, of which there are z.  An element's others give p / x when z = 0, p when it
 * is the only zero, else 0. */
#ifndef real
#include "kernels/cpu/reduce.h"
#include "kernels/op/rule.h"

#define LANES 16

#define GT_TYPED_I64
#include "kernels/op/typed.h"

static gt_status infer(gt_call *c) {
  gt_dtype dtype = c->in_spec[0].dtype;
  return gt_out_reduced(c, 0, gt_dtype_is_float(dtype) ? dtype : GT_I64);
}

static gt_status forward(gt_call *c) {
  unsigned dims;
  GT_TRY(gt_reduced_dims(c, &dims));
  gt_reducer r = {GT_PICK(c, part), GT_PICK(c, combine), GT_PICK(c, finish)};
  return gt_cpu_reduce(c, dims, &r);
}

static gt_status rule(gt_call *c) {
  gt_frame f = {.cx = c->cx};
  gt_tensor *x = c->in[0], *zero = gt_number(&f, 0);
  const gt_arg *args =
      GT_ARGS({"dim", *gt_attr_named(c, "dim")}, {"keepdim", *gt_attr_named(c, "keepdim")});
  gt_tensor *is_zero = gt_op_number(&f, "eq", x, 0);
  gt_tensor *filled = gt_op3(&f, "where", is_zero, gt_number(&f, 1), x);
  gt_tensor *zeros = gt_op1_with(&f, "sum", is_zero, args);
  gt_tensor *scaled = gt_op2(&f, "mul", c->gout[0], gt_op1_with(&f, "prod", filled, args));
  gt_tensor *none = gt_op3(&f, "where", gt_op_number(&f, "eq", zeros, 0), scaled, zero);
  gt_tensor *one = gt_op3(&f, "where", gt_op_number(&f, "eq", zeros, 1), scaled, zero);
  gt_tensor *regular = gt_op2(&f, "div", gt_unreduced(&f, c, none), filled);
  gt_give(&f, c, 0, gt_op3(&f, "where", is_zero, gt_unreduced(&f, c, one), regular));
  return gt_frame_end(&f);
}

GT_REDUCTION(prod, .doc = "product over dimensions; integers and bool give int64",
             .differentiable = 1, .save_in = 1, .infer = infer, .forward = forward, .rule = rule);

#else
/* Floats multiply in double, so that nothing overflows before the result does. */
#if REAL_IS_INTEGER
typedef uint64_t T(wide);
#else
typedef double T(wide);
#endif

static gt_partial T(part)(const void *data, int64_t n, int64_t at, const gt_value *attr) {
  const real *x = data;
  T(wide) lane[LANES];
  int64_t i = 0;
  (void)at, (void)attr;
  for (int j = 0; j < LANES; j++) lane[j] = 1;
  for (; i + LANES <= n; i += LANES) {
    for (int j = 0; j < LANES; j++) lane[j] *= (T(wide))x[i + j];
  }
  for (int j = 0; i + j < n; j++) lane[j] *= (T(wide))x[i + j];
  for (int j = 1; j < LANES; j++) lane[0] *= lane[j];
  gt_partial p = {0};
#if REAL_IS_INTEGER
  p.i = (int64_t)lane[0];
#else
  p.f = lane[0];
#endif
  return p;
}

static gt_partial T(combine)(gt_partial a, gt_partial b) {
#if REAL_IS_INTEGER
  a.i = T(gt_times)(a.i, b.i);
#else
  a.f *= b.f;
#endif
  return a;
}

static void T(finish)(gt_call *c, gt_partial p, int64_t n, int64_t index) {
  real *y = gt_data(c->out[0]);
#if REAL_IS_INTEGER
  y[index] = n == 0 ? 1 : p.i;
#else
  y[index] = n == 0 ? 1 : (real)p.f;
#endif
}
#endif
