/* census.h: what a recorded graph is made of: its ops, and the memory that they keep for the
 * backward. */
#ifndef GT_CENSUS_H
#define GT_CENSUS_H

#include "core/tensor/op.h"

/* The ops that a tensor was computed by, each once; borrowed, valid while the tensor's graph is. */
typedef struct gt_census {
  gt_node **nodes;
  int64_t count, capacity;
} gt_census;

/* One of them; borrowed pointers. */
typedef struct gt_census_op {
  const gt_op *op;
  const gt_value *attr; /* (op->attr_count) */
  int nin, nout;
  const gt_spec *in, *out; /* (nin), (nout) as the user gave and got them; absent: 0-d */
} gt_census_op;

gt_status gt_census_make(gt_ctx *cx, const gt_tensor *root, gt_census *out);
void gt_census_free(gt_census *census);

gt_census_op gt_census_at(const gt_census *census, int64_t i);
/* Whether the backward of op i finds a gradient for this input. */
bool gt_census_wants(const gt_census *census, int64_t i, int input);
/* What the backward of op i reads, k in 0 … nin + nout - 1; NULL: nothing there.  Several ops may
 * keep one storage. */
const gt_storage *gt_census_keeps(const gt_census *census, int64_t i, int k);

#endif
