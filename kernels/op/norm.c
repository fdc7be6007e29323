/* norm: y = (sum |x|^p)^(1/p) over dimensions; p = inf: the largest |x|, -inf: the smallest, 0: how
 * many are not zero.  dx = sign(x) (|x| / y)^(p-1) dy, 0 where y is 0; for p = inf and -inf the
 * elements with |x| = y share dy. */
#ifndef real
#include "kernels/cpu/reduce.h"
#include "kernels/op/rule.h"

enum { P };

#define LANES 16

static gt_partial combine_sum(gt_partial a, gt_partial b) {
  a.f += b.f;
  return a;
}

static gt_partial combine_largest(gt_partial a, gt_partial b) {
  return b.f > a.f || isnan(b.f) ? b : a;
}

static gt_partial combine_smallest(gt_partial a, gt_partial b) {
  return b.f < a.f || isnan(b.f) ? b : a;
}

static double root(double sum, double p) {
  if (p == 2) return sqrt(sum);
  return p == 1 || p == 0 || isinf(p) ? sum : pow(sum, 1 / p);
}

#include "kernels/op/typed.h"

static gt_status infer(gt_call *c) {
  GT_TRY(gt_infer_reduced_float(c));
  if (isnan(c->attr[P].f)) return gt_fail(c->cx, GT_EARG, "norm: expected a number for p, got nan");
  unsigned dims;
  GT_TRY(gt_reduced_dims(c, &dims));
  if (isinf(c->attr[P].f) && gt_reduced_count(c, dims) == 0) {
    char text[GT_SHAPE_TEXT];
    return gt_fail(c->cx, GT_ESHAPE,
                   "norm: expected at least one element for p = inf, got shape %s",
                   gt_shape_text(&c->in_spec[0], text));
  }
  return GT_OK;
}

static gt_status forward(gt_call *c) {
  unsigned dims;
  GT_TRY(gt_reduced_dims(c, &dims));
  double p = c->attr[P].f;
  gt_reducer r = {p == 2 ? GT_PICK(c, part_square) : GT_PICK(c, part),
                  p == INFINITY    ? combine_largest
                  : p == -INFINITY ? combine_smallest
                                   : combine_sum,
                  GT_PICK(c, finish)};
  return gt_cpu_reduce(c, dims, &r);
}

/* Shares dy among the elements whose size is the norm. */
static gt_tensor *gradient_extreme(gt_frame *f, gt_call *c, gt_tensor *size, gt_tensor *sign) {
  const gt_arg *args =
      GT_ARGS({"dim", *gt_attr_named(c, "dim")}, {"keepdim", *gt_attr_named(c, "keepdim")});
  gt_tensor *chosen = gt_op2(f, "eq", size, gt_unreduced(f, c, c->out[0]));
  gt_tensor *count = gt_op1_with(f, "sum", chosen, args);
  gt_tensor *share = gt_unreduced(f, c, gt_op2(f, "div", c->gout[0], count));
  return gt_op2(f, "mul", gt_op3(f, "where", chosen, share, gt_number(f, 0)), sign);
}

static gt_status rule(gt_call *c) {
  gt_frame f = {.cx = c->cx};
  gt_tensor *x = c->in[0], *y = c->out[0], *zero = gt_number(&f, 0);
  double p = c->attr[P].f;
  if (p == 0) {
    gt_give_zero(&f, c, 0);
    return gt_frame_end(&f);
  }
  if (p == 2) {
    gt_tensor *scaled = gt_op2(&f, "div", c->gout[0], y);
    scaled = gt_op3(&f, "where", gt_op2(&f, "eq", y, zero), zero, scaled);
    gt_give(&f, c, 0, gt_op2(&f, "mul", x, gt_unreduced(&f, c, scaled)));
    return gt_frame_end(&f);
  }
  gt_tensor *sign = gt_op1(&f, "sign", x);
  if (p == 1) {
    gt_give(&f, c, 0, gt_op2(&f, "mul", sign, gt_unreduced(&f, c, c->gout[0])));
    return gt_frame_end(&f);
  }
  gt_tensor *size = gt_op1(&f, "abs", x);
  if (isinf(p)) {
    gt_give(&f, c, 0, gradient_extreme(&f, c, size, sign));
    return gt_frame_end(&f);
  }
  gt_tensor *ratio = gt_op2(&f, "div", size, gt_unreduced(&f, c, y));
  gt_tensor *slope = gt_op2(&f, "mul", sign, gt_op_number(&f, "pow", ratio, p - 1));
  gt_tensor *product = gt_op2(&f, "mul", slope, gt_unreduced(&f, c, c->gout[0]));
  gt_tensor *still = gt_op_number(&f, "eq", x, 0);
  gt_give(&f, c, 0, gt_op3(&f, "where", still, zero, product));
  return gt_frame_end(&f);
}

static const gt_setting attrs[] = {
    {.name = "p", .type = GT_SETTING_FLOAT, .preset = GT_FLOAT(2), .doc = "the exponent"},
    GT_REDUCE_ATTRS,
};

GT_REDUCTION(norm, .doc = "(sum |x|^p)^(1/p) over dimensions", .compute = GT_REALS,
             .differentiable = 1, .save_in = 1, .save_out = 1, .attrs = attrs,
             .attr_count = GT_COUNT(attrs), .infer = infer, .forward = forward, .rule = rule);

#else
static gt_partial T(part_square)(const void *data, int64_t n, int64_t at, const gt_value *attr) {
  const real *x = data;
  double lane[LANES] = {0};
  int64_t i = 0;
  (void)at, (void)attr;
  for (; i + LANES <= n; i += LANES) {
    for (int j = 0; j < LANES; j++) lane[j] += (double)x[i + j] * (double)x[i + j];
  }
  for (int j = 0; i + j < n; j++) lane[j] += (double)x[i + j] * (double)x[i + j];
  for (int j = 1; j < LANES; j++) lane[0] += lane[j];
  return (gt_partial){.f = lane[0]};
}

static gt_partial T(part)(const void *data, int64_t n, int64_t at, const gt_value *attr) {
  const real *x = data;
  double p = attr[P].f, sum = 0;
  (void)at;
  if (isinf(p)) {
    gt_partial value = {.f = fabs((double)x[0])};
    for (int64_t i = 1; i < n; i++) {
      gt_partial next = {.f = fabs((double)x[i])};
      value = p > 0 ? combine_largest(value, next) : combine_smallest(value, next);
    }
    return value;
  }
  for (int64_t i = 0; i < n; i++) {
    double size = fabs((double)x[i]);
    sum += p == 1 ? size : p == 0 ? size != 0 : pow(size, p);
  }
  return (gt_partial){.f = sum};
}

static void T(finish)(gt_call *c, gt_partial p, int64_t n, int64_t index) {
  (void)n;
  ((real *)gt_data(c->out[0]))[index] = (real)root(p.f, c->attr[P].f);
}
#endif
