/* softcap: y = cap tanh(x / cap), which keeps y within (-cap, cap).  dx = (1 - (y / cap)^2) dy. */
#ifndef real
#include "kernels/op/reals.h"
static gt_status infer(gt_call *c) {
  double cap = c->attr[0].f;
  if (!(cap > 0 && cap <= 1e30))
    return gt_fail(c->cx, GT_EARG, "softcap: expected a positive cap, got %g", cap);
  return gt_infer_real(c);
}

static const gt_setting attrs[] = {
    {.name = "cap",
     .type = GT_SETTING_FLOAT,
     .preset = {.f = 15},
     .doc = "bound of the result",
     .instead = "cap * torch.tanh(x / cap)"},
};

GT_BACKWARD(backward, slope, 1);
GT_ELEMENTWISE(softcap, 1, 1, .doc = "cap * tanh(x / cap), elementwise", .where = "F",
               .save_out = 1, .attrs = attrs, .attr_count = GT_COUNT(attrs), .infer = infer,
               .backward = backward);
#else
static real T(value)(real x, real cap) { return cap * T(gt_tanh)(x / cap); }
static real T(slope)(real y, real cap) {
  real t = y / cap;
  return 1 - t * t;
}
#endif
