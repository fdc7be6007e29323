/* newton_schulz.h: the iteration on bf16 storage, for CPUs with products of bf16 numbers. */
#ifndef GT_NEWTON_SCHULZ_H
#define GT_NEWTON_SCHULZ_H

#include "core/tensor/op.h"

typedef struct gt_ns_factors {
  double a, b, c;
} gt_ns_factors;

/* out = the iteration, `steps` times, on g (rows, columns).  `memory` is for it alone.  Only where
 * gt_ns_bf16_bytes is not 0. */
void gt_ns_bf16(gt_ctx *cx, const float *g, float *out, int64_t rows, int64_t columns,
                int64_t steps, gt_ns_factors factors, void *memory);
size_t gt_ns_bf16_bytes(int64_t rows, int64_t columns); /* of `memory`; 0 where not provided */

#endif
