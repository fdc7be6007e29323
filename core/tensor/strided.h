/* strided.h: moves elements between two CPU arrays of one shape and any strides: what clone, cat,
 * flip, repeat and every implicit "make contiguous" are made of. */
#ifndef GT_STRIDED_H
#define GT_STRIDED_H

#include "core/tensor/context.h"

#include <stddef.h>

/* Copies prod(shape) elements of `size` bytes (1, 2, 4 or 8).  Strides count elements; source
 * strides may be 0 or negative.  No two target elements may share an address, and source and target
 * may not overlap.  Parallel; chunk borders depend on the shape only. */
void gt_strided_copy(gt_ctx *cx, size_t size, int ndim, const int64_t *shape, void *to,
                     const int64_t *to_stride, const void *from, const int64_t *from_stride);

#endif
