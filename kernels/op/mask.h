/* mask.h: the shape rule of masked_select and nonzero, whose results have as many elements as the
 * data says. */
#ifndef GT_OP_MASK_H
#define GT_OP_MASK_H

#include "core/tensor/run.h"

int64_t gt_count_true(const bool *mask, int64_t n);

/* Number of non-zero elements of input i, for infer.  Reads the data (and so waits for the device);
 * refused on meta. */
gt_status gt_mask_count(gt_call *c, int i, int64_t *out);

#endif
