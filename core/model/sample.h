/* sample.h: choosing the next token from logits. */
#ifndef GT_SAMPLE_H
#define GT_SAMPLE_H

#include "core/tensor/tensor.h"

typedef struct gt_sampling {
  double temperature; /* logits are divided by it; 0: the largest logit wins */
  int64_t top_k;      /* exactly that many largest logits stay; 0: all */
  double top_p;       /* of those, the fewest that hold this much probability stay; 1: all */
  uint64_t seed;
} gt_sampling;

/* Each setting in its range. */
gt_status gt_sampling_check(gt_ctx *cx, const gt_sampling *s);

/* logits (B, V), any float dtype, any device -> out[b], one token per row.  The random number of
 * row b is a function of (seed, position, b) only.  Equal logits: the smaller token goes first.
 * Fails on NaN and infinite logits, but for -infinity, which is never chosen. */
gt_status gt_sample(gt_ctx *cx, gt_tensor *logits, const gt_sampling *s, uint64_t position,
                    int64_t *out);

#endif
