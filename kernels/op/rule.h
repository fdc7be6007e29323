/* rule.h: gradient rules written as formulas, in a frame (core/tensor/frame.h).
 *
 *   static gt_status rule(gt_call *c) {
 *     gt_frame f = {.cx = c->cx};
 *     if (c->want[0]) gt_give(&f, c, 0, gt_op2(&f, "mul", c->gout[0], c->in[1]));
 *     return gt_frame_end(&f);
 *   } */
#ifndef GT_RULE_H
#define GT_RULE_H

#include "core/tensor/frame.h"

/* a itself, or the number that it wraps in the dtype that is computed in: a term of two numbers
 * alone would be f32. */
gt_tensor *gt_wide(gt_frame *f, const gt_call *c, gt_tensor *a);
/* A reduction's output, or its gradient, seen in the shape of input 0: reduced dimensions are
 * repeated.  For ops with the attributes dim and keepdim. */
gt_tensor *gt_unreduced(gt_frame *f, gt_call *c, gt_tensor *reduced);

/* Stores the gradient of input i: summed to its shape where that was broadcast, cast to its dtype.
 */
void gt_give(gt_frame *f, gt_call *c, int i, gt_tensor *gradient);
void gt_give_zero(gt_frame *f, gt_call *c, int i);
/* The end of the rule of most functions of one variable: input 0 gets output 0's gradient times
 * `slope`. */
gt_status gt_give_slope(gt_frame *f, gt_call *c, gt_tensor *slope);

/* The rule of ops of one input that are flat nearly everywhere. */
gt_status gt_rule_zero(gt_call *c);

#endif
