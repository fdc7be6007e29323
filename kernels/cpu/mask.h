/* mask.h: listing the true elements of a tensor. */
#ifndef GT_CPU_MASK_H
#define GT_CPU_MASK_H

#include "core/tensor/op.h"

/* Positions of the true ones among n bytes, in order, into at (as many as there are). */
gt_status gt_mask_positions(gt_call *c, const bool *mask, int64_t n, int64_t *at);

#endif
