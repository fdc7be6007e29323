/* numbers.h: for an elementwise op that computes in f32, f64 and i64 (elementwise.h). */
#define GT_ROW_COMPUTE GT_NUMBERS
#define GT_ROW_INFER_1 gt_infer_same
#define GT_ROW_INFER_2 gt_infer_arithmetic
#define GT_ROW_INFER_3 gt_infer_arithmetic
#define GT_EACH_TYPE(macro, ...)                                                                   \
  macro(float, _f32, __VA_ARGS__) macro(double, _f64, __VA_ARGS__)                                 \
      macro(int64_t, _i64, __VA_ARGS__) struct gt_op

#define GT_TYPED_I64
#include "kernels/op/elementwise.h"
