/* indices.h: shape rules of index tensors. */
#ifndef GT_OP_INDICES_H
#define GT_OP_INDICES_H

#include "kernels/op/geometry.h"

/* Refuses inputs that are not integers: "gather: expected an integer index, got float32". */
gt_status gt_index_check(const gt_call *c, int input);

/* gather and scatter: input `index` must have as many dimensions as input `x` and be no larger
 * except along `dim` (-1: along none). */
gt_status gt_index_fits(const gt_call *c, int index, int x, int dim);

/* ---- several index tensors at once: x[i, j, …], inputs first … first + count - 1 ---- */

/* Number of index inputs given from input `first` on. */
int gt_index_count(const gt_call *c, int first);

/* The shape that `count` of them broadcast to. */
gt_status gt_index_broadcast(gt_call *c, int first, int count, gt_spec *out);

/* The shape of x[i, j, …]: what the indices broadcast to, then x's remaining dimensions. */
gt_status gt_index_shape(gt_call *c, int x, int first, gt_spec *out);

/* x seen as positions that the indices choose among, each with `inner` elements. */
gt_axis gt_index_axis(const gt_call *c, int x, int first);

#endif
