/* rule.h: gradient rules written as formulas.
 *
 *   static gt_status rule(gt_call *c) {
 *     gt_terms t = {.c = c};
 *     if (c->want[0]) gt_give(&t, 0, gt_term2(&t, "mul", c->gout[0], c->in[1]));
 *     return gt_terms_end(&t);
 *   }
 *
 * Terms are borrowed from `t` until gt_terms_end().  After the first failure every function here
 * does nothing and returns NULL; gt_terms_end() returns the status. */
#ifndef GT_RULE_H
#define GT_RULE_H

#include "core/tensor/run.h"

#define GT_MAX_TERMS 32

typedef struct gt_terms {
  gt_call *c;
  gt_status status;
  int count;
  gt_tensor *kept[GT_MAX_TERMS];
} gt_terms;

gt_tensor *gt_term1(gt_terms *t, const char *op, gt_tensor *a);
gt_tensor *gt_term2(gt_terms *t, const char *op, gt_tensor *a, gt_tensor *b);
gt_tensor *gt_term3(gt_terms *t, const char *op, gt_tensor *a, gt_tensor *b, gt_tensor *c);
gt_tensor *gt_term1_with(gt_terms *t, const char *op, gt_tensor *a, const gt_arg *args);
gt_tensor *gt_term2_with(gt_terms *t, const char *op, gt_tensor *a, gt_tensor *b,
                         const gt_arg *args);
/* op(a, b) with a number for b; it is weak, so a keeps its dtype. */
gt_tensor *gt_term_number(gt_terms *t, const char *op, gt_tensor *a, double b);
/* a itself, or the number that it wraps in the dtype that is computed in: a term of two numbers
 * alone would be f32. */
gt_tensor *gt_term_wide(gt_terms *t, gt_tensor *a);
/* The number as a term, for ops that take it first. */
gt_tensor *gt_number(gt_terms *t, double value);
gt_tensor *gt_whole(gt_terms *t, int64_t value);
/* A reduction's output, or its gradient, seen in the shape of input 0: reduced dimensions are
 * repeated.  For ops with the attributes dim and keepdim. */
gt_tensor *gt_unreduced(gt_terms *t, gt_tensor *reduced);

/* Stores the gradient of input i: summed to its shape where that was broadcast, cast to its dtype.
 */
void gt_give(gt_terms *t, int i, gt_tensor *gradient);
void gt_give_zero(gt_terms *t, int i);
/* The end of the rule of most functions of one variable: input 0 gets output 0's gradient times
 * `slope`. */
gt_status gt_give_slope(gt_terms *t, gt_tensor *slope);
gt_status gt_terms_end(gt_terms *t);

/* The rule of ops of one input that are flat nearly everywhere. */
gt_status gt_rule_zero(gt_call *c);

#endif
