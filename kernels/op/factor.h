/* factor.h: sums with a factor, a + alpha b: what add, sub, addcmul and addcdiv share. */
#ifndef GT_FACTOR_H
#define GT_FACTOR_H

#include "kernels/op/rule.h"

/* Attribute 0 of such an op. */
#define GT_FACTOR(name_, doc_, instead_)                                                           \
  {                                                                                                \
    .name = name_, .type = GT_SETTING_FLOAT, .preset = GT_FLOAT(1), .doc = doc_, .by_name = true,  \
    .instead = instead_                                                                            \
  }

/* All inputs broadcast and promote; integers take a whole factor only. */
gt_status gt_infer_factor(gt_call *c);
/* The gradients of a + factor b. */
gt_status gt_rule_sum(gt_call *c, double factor);

#endif
