/* mask.h: counting and listing the true elements of a tensor: masked_select and nonzero, whose
 * results have as many elements as the data says. */
#ifndef GT_MASK_H
#define GT_MASK_H

#include "core/tensor/run.h"

/* Number of non-zero elements of input i, for infer.  Reads the data (and so waits for the device);
 * refused on meta. */
gt_status gt_mask_count(gt_call *c, int i, int64_t *out);

/* Positions of the true ones among n bytes, in order, into at (as many as there are). */
gt_status gt_mask_positions(gt_call *c, const bool *mask, int64_t n, int64_t *at);

#endif
