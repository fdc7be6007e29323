/* addcdiv: y = x + value a / b.  dx = dy, da = value dy / b, db = -value a dy / b^2. */
#ifndef real
#include "kernels/cpu/cpu.h"
#include "kernels/op/rule.h"

enum { VALUE };

#include "kernels/op/typed.h"

static gt_status forward(gt_call *c) { return gt_cpu_map(c, GT_PICK(c, row)); }

static gt_status rule(gt_call *c) {
  gt_frame f = {.cx = c->cx};
  gt_tensor *g = c->gout[0], *a = c->in[1], *b = c->in[2];
  if (c->want[0]) gt_give(&f, c, 0, g);
  if (!c->want[1] && !c->want[2]) return gt_frame_end(&f);
  gt_tensor *da = gt_op2(&f, "div", gt_op_number(&f, "mul", g, c->attr[VALUE].f), b);
  if (c->want[1]) gt_give(&f, c, 1, da);
  if (c->want[2]) {
    gt_tensor *product = gt_op2(&f, "mul", da, gt_op2(&f, "div", a, b));
    gt_give(&f, c, 2, gt_op1(&f, "neg", product));
  }
  return gt_frame_end(&f);
}

static const gt_setting attrs[] = {
    {.name = "value",
     .type = GT_SETTING_FLOAT,
     .preset = GT_FLOAT(1),
     .doc = "factor of a / b",
     .by_name = true,
     .instead = "x + value * a / b"},
};

const gt_op gt_op_addcdiv = {
    .name = "addcdiv",
    .doc = "x + value a / b, broadcast",
    .inputs = "x, a, b",
    .where = "method",
    .nin = 3,
    .nout = 1,
    .compute = GT_REALS,
    .numeric = 7,
    .strided = 7,
    .any_dtype = true,
    .differentiable = 7,
    .save_in = 6,
    .save_crossed = 2,
    .elementwise = true,
    .attrs = attrs,
    .attr_count = GT_COUNT(attrs),
    .infer = gt_infer_arithmetic_real,
    .forward = forward,
    .rule = rule,
};

#else
static void T(row)(int64_t n, const void *const *in, void *out, const gt_value *attr) {
  const real *x = in[0], *a = in[1], *b = in[2];
  real *y = out;
  real value = (real)attr[VALUE].f;
  GT_IVDEP for (int64_t i = 0; i < n; i++) { y[i] = x[i] + value * (a[i] / b[i]); }
}
#endif
