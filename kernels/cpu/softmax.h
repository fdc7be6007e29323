/* softmax.h: the walk along one dimension that softmax and log_softmax share. */
#ifndef GT_SOFTMAX_H
#define GT_SOFTMAX_H

#include "kernels/op/geometry.h"

/* Columns handled together when the dimension is not the last; state for them is on the stack. */
#define GT_SOFTMAX_COLUMNS 64

/* `width` neighbouring lines of n elements, `step` apart; step is 1 only for a single line.  a, b
 * are read, y is written, or added to when accumulate says so. */
typedef void (*gt_softmax_lines)(int64_t n, int64_t step, int64_t width, const void *a,
                                 const void *b, void *y, bool accumulate);

/* Calls `lines` for all lines along dim, attribute 0, of tensors shaped like input 0. */
gt_status gt_softmax_walk(gt_call *c, gt_softmax_lines lines, gt_tensor *a, gt_tensor *b,
                          gt_tensor *y, bool accumulate);

#endif
