/* reduction.h: what reductions over any set of dimensions share.  Each has the attributes named dim
 * and keepdim. */
#ifndef GT_REDUCTION_H
#define GT_REDUCTION_H

#include "kernels/op/shape.h"

#define GT_REDUCE_DIM                                                                              \
  { .name = "dim", .type = GT_SETTING_DIMS, .doc = "dimensions to reduce; all if not given" }
#define GT_REDUCE_KEEPDIM                                                                          \
  { .name = "keepdim", .type = GT_SETTING_BOOL, .doc = "keep reduced dimensions with size 1" }
#define GT_REDUCE_ATTRS GT_REDUCE_DIM, GT_REDUCE_KEEPDIM
/* Of a reduction along one dimension. */
#define GT_REDUCE_ONE_ATTRS                                                                        \
  {.name = "dim", .type = GT_SETTING_DIMS, .required = true, .doc = "dimension to reduce"}, {      \
    .name = "keepdim", .type = GT_SETTING_BOOL, .doc = "keep the reduced dimension with size 1"    \
  }

/* Bit d is set when dimension d of input 0 is reduced. */
gt_status gt_reduced_dims(gt_call *c, unsigned *out);
/* Number of elements of input 0 that make one result. */
int64_t gt_reduced_count(const gt_call *c, unsigned dims);
/* Output `out` has input 0's shape without the reduced dimensions. */
gt_status gt_out_reduced(gt_call *c, int out, gt_dtype dtype);
/* One output of input 0's dtype; integers and bool are refused. */
gt_status gt_infer_reduced_float(gt_call *c);

/* bool, of u8 u8, as in PyTorch, which has it from before there was a bool. */
gt_status gt_infer_reduced_truth(gt_call *c);

/* The descriptor of a reduction of one input, with the members that most have; what a row says
 * itself comes last and overrides them. */
#define GT_REDUCTION(op, ...)                                                                      \
  const gt_op gt_op_##op = {.name = #op,                                                           \
                            .inputs = "x",                                                         \
                            .where = "method",                                                     \
                            .nin = 1,                                                              \
                            .nout = 1,                                                             \
                            .compute = GT_NUMBERS,                                                 \
                            .numeric = 1,                                                          \
                            GT_ATTRS(GT_REDUCE_ATTRS),                                             \
                            __VA_ARGS__}

#endif
