/* shape.h: what many descriptors share: shape rules (op.h: infer), lists of attributes.  For
 * reductions there is reduction.h, for elementwise ops elementwise.h. */
#ifndef GT_SHAPE_H
#define GT_SHAPE_H

#include "core/tensor/op.h"

/* The value of the attribute called `name`; NULL when the op has none. */
const gt_value *gt_attr_named(const gt_call *c, const char *name);

gt_status gt_infer_same(gt_call *c);            /* out like in[0] */
gt_status gt_infer_real(gt_call *c);            /* one input; integers and bool give f32 */
gt_status gt_infer_real_along(gt_call *c);      /* the same along dim, attribute 0 */
gt_status gt_infer_arithmetic(gt_call *c);      /* all inputs broadcast and promote */
gt_status gt_infer_arithmetic_real(gt_call *c); /* the same; integers and bool give f32 */
gt_status gt_infer_predicate(gt_call *c);       /* all inputs broadcast, result bool */
gt_status gt_infer_bits(gt_call *c);            /* all inputs broadcast and promote; no floats */
/* Refuses a single number as input i that output 0, whose dtype it is to take, cannot hold. */
gt_status gt_check_number(gt_call *c, int i);
/* Refuses a probability of dropout outside [0, 1). */
gt_status gt_check_dropout(const gt_call *c, double p);
/* Refuses a factor with a fraction when output 0 holds integers. */
gt_status gt_check_factor(gt_call *c, const char *name, double factor);

/* Members of a descriptor: a list of attributes. */
#define GT_ATTRS(...)                                                                              \
  .attrs = (const gt_setting[]){__VA_ARGS__},                                                      \
  .attr_count = (int)(sizeof((const gt_setting[]){__VA_ARGS__}) / sizeof(gt_setting))

/* The rows of elementwise ops and reductions override members that their macros have set. */
#ifndef __cplusplus
#pragma GCC diagnostic ignored "-Woverride-init"
#endif

#endif
