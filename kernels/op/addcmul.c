/* addcmul: y = x + value a b.  dx = dy, da = value b dy, db = value a dy. */
#ifndef real
#include "kernels/op/factor.h"
#include "kernels/op/numbers.h"

static gt_status rule(gt_call *c) {
  gt_frame f = {.cx = c->cx};
  gt_tensor *g = c->gout[0], *a = c->in[1], *b = c->in[2];
  if (c->want[0]) gt_give(&f, c, 0, g);
  if (!c->want[1] && !c->want[2]) return gt_frame_end(&f);
  gt_tensor *scaled = gt_op_number(&f, "mul", g, c->attr[0].f);
  if (c->want[1]) gt_give(&f, c, 1, gt_op2(&f, "mul", scaled, b));
  if (c->want[2]) gt_give(&f, c, 2, gt_op2(&f, "mul", scaled, a));
  return gt_frame_end(&f);
}

GT_ELEMENTWISE(addcmul, 3, 1, .doc = "x + value a b, broadcast",
               GT_ATTRS(GT_FACTOR("value", "factor of a b", "x + value * a * b")), .save_in = 6,
               .save_crossed = 6, .infer = gt_infer_factor, .rule = rule);
#else
static real T(value)(real x, real a, real b, real value) {
  return T(gt_plus)(x, T(gt_times)(value, T(gt_times)(a, b)));
}
#endif
