/* sub: y = a - alpha b.  da = dy, db = -alpha dy. */
#ifndef real
#include "kernels/cpu/cpu.h"
#include "kernels/op/rule.h"

enum { ALPHA };

#define GT_TYPED_I64
#include "kernels/op/typed.h"

static gt_status infer(gt_call *c) {
  GT_TRY(gt_infer_arithmetic(c));
  if (c->in_spec[0].dtype == GT_BOOL && c->in_spec[1].dtype == GT_BOOL) {
    return gt_fail(c->cx, GT_EDTYPE,
                   "sub: expected numbers, got two bool tensors; use logical_xor");
  }
  return gt_check_factor(c, "alpha", c->attr[ALPHA].f);
}

static gt_status forward(gt_call *c) {
  bool plain = c->attr[ALPHA].f == 1;
  return gt_cpu_map(c, plain ? GT_PICK(c, row) : GT_PICK(c, row_scaled));
}

static gt_status rule(gt_call *c) {
  gt_frame f = {.cx = c->cx};
  gt_tensor *g = c->gout[0];
  if (c->want[0]) gt_give(&f, c, 0, g);
  if (c->want[1]) gt_give(&f, c, 1, gt_op_number(&f, "mul", g, -c->attr[ALPHA].f));
  return gt_frame_end(&f);
}

static const gt_setting attrs[] = {
    {.name = "alpha",
     .type = GT_SETTING_FLOAT,
     .preset = GT_FLOAT(1),
     .doc = "factor of b",
     .by_name = true,
     .instead = "a - alpha * b"},
};

const gt_op gt_op_sub = {
    .name = "sub",
    .doc = "a - alpha b, broadcast",
    .inputs = "a, b",
    .where = "method",
    .nin = 2,
    .nout = 1,
    .compute = GT_NUMBERS,
    .numeric = 3,
    .strided = 3,
    .any_dtype = true,
    .differentiable = 3,
    .elementwise = true,
    .attrs = attrs,
    .attr_count = GT_COUNT(attrs),
    .infer = infer,
    .forward = forward,
    .rule = rule,
};

#else
static real T(value)(real a, real b) { return T(gt_minus)(a, b); }
#include "kernels/op/row2.h"

static void T(row_scaled)(int64_t n, const void *const *in, void *out, const gt_value *attr) {
  const real *a = in[0], *b = in[1];
  real *y = out;
  real alpha = (real)attr[ALPHA].f;
  GT_IVDEP for (int64_t i = 0; i < n; i++) y[i] = T(gt_minus)(a[i], T(gt_times)(alpha, b[i]));
}
#endif
