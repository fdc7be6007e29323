/* strided.h: moves elements between two CPU arrays of one shape and any strides: what clone, cat,
 * flip, repeat and every implicit "make contiguous" are made of. */
#ifndef GT_STRIDED_H
#define GT_STRIDED_H

#include "core/tensor/tensor.h"

#include <stddef.h>
#include <stdint.h>

/* Elements moved by size, whatever their type. */
typedef uint8_t gt_element1;
typedef uint16_t __attribute__((may_alias)) gt_element2;
typedef uint32_t __attribute__((may_alias)) gt_element4;
typedef uint64_t __attribute__((may_alias)) gt_element8;

/* Copies prod(shape) elements of `size` bytes (1, 2, 4 or 8).  Strides count elements; source
 * strides may be 0 or negative.  No two target elements may share an address, and source and target
 * may not overlap.  Parallel; chunk borders depend on the shape only. */
void gt_strided_copy(gt_ctx *cx, size_t size, int ndim, const int64_t *shape, void *to,
                     const int64_t *to_stride, const void *from, const int64_t *from_stride);

/* The same for plain bytes. */
void gt_parallel_copy(gt_ctx *cx, void *to, const void *from, int64_t bytes);
void gt_parallel_zero(gt_ctx *cx, void *to, int64_t bytes);

#endif
