/* clamp: y = x held within [min, max]; NaN stays NaN, and a bound that is NaN makes all NaN.  dx =
 * dy where min <= x <= max. */
#ifndef real
#include "kernels/op/numbers.h"

enum { MIN, MAX };

static gt_status infer(gt_call *c) {
  GT_TRY(gt_out_like(c, 0, 0));
  for (int k = MIN; k <= MAX; k++) {
    if (isinf(c->attr[k].f)) continue;
    GT_TRY(gt_check_factor(c, "bound", c->attr[k].f));
    GT_TRY(gt_check_scalar(c->cx, "clamp", c->spec[0].dtype, gt_scalar_real(c->attr[k].f)));
  }
  return GT_OK;
}

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

GT_ELEMENTWISE(clamp, 1, 2, .doc = "x held within [min, max]", .attrs = attrs,
               .attr_count = GT_COUNT(attrs), .save_in = 1, .infer = infer, .rule = rule);
#else
static real T(value)(real x, real low, real high) {
  real up = x < low ? low : x;
  if (T(gt_isnan)(low) || T(gt_isnan)(high)) return (real)NAN;
  return up > high ? high : up;
}
#endif
