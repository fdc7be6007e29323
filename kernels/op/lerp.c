/* lerp: y = a + weight (b - a), from the end that is nearer so that weight 1 gives b exactly.
 * da = (1 - weight) dy, db = weight dy. */
#ifndef real
#include "kernels/cpu/cpu.h"
#include "kernels/op/rule.h"

enum { WEIGHT };

#include "kernels/op/typed.h"

static gt_status infer(gt_call *c) {
  for (int k = 0; k < 2; k++) {
    gt_dtype dtype = c->in_spec[k].dtype;
    if (!gt_dtype_is_float(dtype)) {
      return gt_fail(c->cx, GT_EDTYPE, "lerp: expected floating tensors, got %s",
                     gt_dtype_name(dtype));
    }
  }
  return gt_infer_arithmetic(c);
}

static gt_status forward(gt_call *c) {
  bool near_a = fabs(c->attr[WEIGHT].f) < 0.5;
  return gt_cpu_map(c, near_a ? GT_PICK(c, row_from_a) : GT_PICK(c, row_from_b));
}

static gt_status rule(gt_call *c) {
  gt_frame f = {.cx = c->cx};
  gt_tensor *g = c->gout[0];
  double weight = c->attr[WEIGHT].f;
  if (c->want[0]) gt_give(&f, c, 0, gt_op_number(&f, "mul", g, 1 - weight));
  if (c->want[1]) gt_give(&f, c, 1, gt_op_number(&f, "mul", g, weight));
  return gt_frame_end(&f);
}

static const gt_setting attrs[] = {
    {.name = "weight",
     .type = GT_SETTING_FLOAT,
     .required = true,
     .doc = "0 gives a, 1 gives b",
     .instead = "a + weight * (b - a)"},
};

const gt_op gt_op_lerp = {
    .name = "lerp",
    .doc = "a + weight (b - a), broadcast",
    .inputs = "a, b",
    .where = "method",
    .nin = 2,
    .nout = 1,
    .compute = GT_REALS,
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
static void T(row_from_a)(int64_t n, const void *const *in, void *out, const gt_value *attr) {
  const real *a = in[0], *b = in[1];
  real *y = out;
  real weight = (real)attr[WEIGHT].f;
  GT_IVDEP for (int64_t i = 0; i < n; i++) y[i] = a[i] + weight * (b[i] - a[i]);
}

static void T(row_from_b)(int64_t n, const void *const *in, void *out, const gt_value *attr) {
  const real *a = in[0], *b = in[1];
  real *y = out;
  real rest = 1 - (real)attr[WEIGHT].f;
  GT_IVDEP for (int64_t i = 0; i < n; i++) y[i] = b[i] - rest * (b[i] - a[i]);
}
#endif
