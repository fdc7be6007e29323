/* ranking.h: what sort and topk share: values in order along a dimension, and where they were. */
#ifndef GT_OP_RANKING_H
#define GT_OP_RANKING_H

#include "kernels/op/geometry.h"
#include "kernels/op/shape.h"

/* The dimension that the attribute named dim says. */
gt_status gt_ranked_dim(gt_call *c, int *out);

/* The gradient: dy at the positions that output 1 (saved) says. */
gt_status gt_rule_ranking(gt_call *c);

/* The descriptor but for attributes, shape rule and forward. */
#define GT_RANKING(op, ...)                                                                        \
  const gt_op gt_op_##op = {.name = #op,                                                           \
                            .inputs = "x",                                                         \
                            .where = "method",                                                     \
                            .nin = 1,                                                              \
                            .nout = 2,                                                             \
                            .compute = GT_NUMBERS,                                                 \
                            .numeric = 1,                                                          \
                            .differentiable = 1,                                                   \
                            .save_out = 2,                                                         \
                            .rule = gt_rule_ranking,                                               \
                            __VA_ARGS__}

#endif
