/* reals.h: for an elementwise op that computes in f32 and f64 (elementwise.h). */
#define GT_ROW_COMPUTE GT_REALS
#define GT_ROW_INFER_1 gt_infer_real
#define GT_ROW_INFER_2 gt_infer_arithmetic_real
#define GT_ROW_INFER_3 gt_infer_arithmetic_real
#define GT_EACH_TYPE(macro, ...)                                                                   \
  macro(float, _f32, __VA_ARGS__) macro(double, _f64, __VA_ARGS__) struct gt_op

#include "kernels/op/elementwise.h"
