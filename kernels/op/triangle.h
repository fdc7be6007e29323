/* triangle.h: shape and gradient rules of tril and triu: a copy in which one side of a diagonal is
 * zero. */
#ifndef GT_OP_TRIANGLE_H
#define GT_OP_TRIANGLE_H

#include "core/tensor/run.h"

/* Attribute 0 of both ops. */
#define GT_TRIANGLE_ATTRS                                                                          \
  {                                                                                                \
    .name = "diagonal", .type = GT_SETTING_INT, .preset = GT_INT(0),                               \
    .doc = "the last diagonal that is kept: 0 the main one, above +, below -"                      \
  }

gt_status gt_triangle_infer(gt_call *c);
gt_status gt_triangle_rule(gt_call *c); /* the same op on dy */

#endif
