/* addcdiv: y = x + value a / b.  dx = dy, da = value dy / b, db = -value a dy / b^2. */
#ifndef real
#include "kernels/op/factor.h"
#include "kernels/op/reals.h"

static gt_status rule(gt_call *c) {
  gt_frame f = {.cx = c->cx};
  gt_tensor *g = c->gout[0], *a = c->in[1], *b = c->in[2];
  if (c->want[0]) gt_give(&f, c, 0, g);
  if (!c->want[1] && !c->want[2]) return gt_frame_end(&f);
  gt_tensor *da = gt_op2(&f, "div", gt_op_number(&f, "mul", g, c->attr[0].f), b);
  if (c->want[1]) gt_give(&f, c, 1, da);
  if (c->want[2]) {
    gt_tensor *product = gt_op2(&f, "mul", da, gt_op2(&f, "div", a, b));
    gt_give(&f, c, 2, gt_op1(&f, "neg", product));
  }
  return gt_frame_end(&f);
}

GT_ELEMENTWISE(addcdiv, 3, 1, .doc = "x + value a / b, broadcast",
               GT_ATTRS(GT_FACTOR("value", "factor of a / b", "x + value * a / b")), .save_in = 6,
               .save_crossed = 2, .rule = rule);
#else
static real T(value)(real x, real a, real b, real value) { return x + value * (a / b); }
#endif
