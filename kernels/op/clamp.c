/* clamp: y = x held within [min, max]; NaN stays NaN, and a bound that is NaN makes all NaN.  dx =
 * dy where min <= x <= max. */
#ifndef real
#include "kernels/cpu/cpu.h"
#include "kernels/op/rule.h"

enum { MIN, MAX };

#define GT_TYPED_I64
#include "kernels/op/typed.h"

static gt_status infer(gt_call *c) {
  GT_TRY(gt_out_like(c, 0, 0));
  for (int k = MIN; k <= MAX; k++) {
    if (isinf(c->attr[k].f)) continue;
    GT_TRY(gt_check_factor(c, "bound", c->attr[k].f));
    GT_TRY(gt_check_scalar(c->cx, "clamp", c->spec[0].dtype, gt_scalar_real(c->attr[k].f)));
  }
  return GT_OK;
}

static gt_status forward(gt_call *c) { return gt_cpu_map(c, GT_PICK(c, row)); }

static gt_status rule(gt_call *c) {
  gt_frame f = {.cx = c->cx};
  gt_tensor *x = c->in[0];
  gt_tensor *inside = gt_op2(&f, "logical_and", gt_op_number(&f, "ge", x, c->attr[MIN].f),
                             gt_op_number(&f, "le", x, c->attr[MAX].f));
  gt_give(&f, c, 0, gt_op3(&f, "where", inside, c->gout[0], gt_number(&f, 0)));
  return gt_frame_end(&f);
}

static const gt_setting attrs[] = {
    {.name = "min",
     .type = GT_SETTING_FLOAT,
     .preset = GT_FLOAT(-INFINITY),
     .doc = "lower bound; none if not given",
     .instead = "torch.maximum(x, min)"},
    {.name = "max",
     .type = GT_SETTING_FLOAT,
     .preset = GT_FLOAT(INFINITY),
     .doc = "upper bound; none if not given",
     .instead = "torch.minimum(x, max)"},
};

const gt_op gt_op_clamp = {
    .name = "clamp",
    .doc = "x held within [min, max]",
    .inputs = "x",
    .where = "method",
    .nin = 1,
    .nout = 1,
    .compute = GT_NUMBERS,
    .numeric = 1,
    .strided = 1,
    .any_dtype = true,
    .differentiable = 1,
    .save_in = 1,
    .elementwise = true,
    .attrs = attrs,
    .attr_count = GT_COUNT(attrs),
    .infer = infer,
    .forward = forward,
    .rule = rule,
};

#else
static real T(bound)(double x) {
#if REAL_IS_INTEGER
  return x == -INFINITY ? INT64_MIN : x == INFINITY ? INT64_MAX : (real)x;
#else
  return (real)x;
#endif
}

static void T(row)(int64_t n, const void *const *in, void *out, const gt_value *attr) {
  const real *x = in[0];
  real *y = out;
  real low = T(bound)(attr[MIN].f), high = T(bound)(attr[MAX].f);
  GT_IVDEP for (int64_t i = 0; i < n; i++) {
    real up = x[i] < low ? low : x[i];
    y[i] = up > high ? high : up;
  }
#if !REAL_IS_INTEGER
  for (int64_t i = 0; (isnan(low) || isnan(high)) && i < n; i++) y[i] = NAN;
#endif
}
#endif
