/* bits.h: for an elementwise op on the bits of whole numbers, in i64 (elementwise.h). */
#define GT_ROW_COMPUTE GT_NUMBERS
#define GT_ROW_INFER_1 gt_infer_bits
#define GT_ROW_INFER_2 gt_infer_bits
#define GT_EACH_TYPE(macro, ...) macro(int64_t, _i64, __VA_ARGS__) struct gt_op

#define GT_TYPED_ONLY_I64
#include "kernels/op/elementwise.h"

#define GT_BITS(op, inputs, ...) GT_ELEMENTWISE(op, inputs, 0, .differentiable = 0, __VA_ARGS__)
