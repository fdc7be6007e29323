/* reduce.h: reductions over any set of dimensions.
 *
 * Bits do not depend on the number of threads: the elements of one result are cut into parts of
 * fixed length, a part is reduced in a fixed order, and parts are combined first to last. */
#ifndef GT_REDUCE_H
#define GT_REDUCE_H

#include "kernels/cpu/cpu.h"
#include "kernels/op/reduction.h"

#define GT_REDUCE_PART 16384 /* elements of one result that one chunk of work reduces */

/* Some dimensions of a contiguous tensor: neighbours are merged, sizes of 1 dropped, strides in
 * elements. */
typedef struct gt_axes {
  int count;
  int64_t total; /* product of sizes */
  int64_t size[GT_MAX_DIM], stride[GT_MAX_DIM];
} gt_axes;

/* Splits the dimensions of x into those not in `dims` and those in it. */
void gt_axes_split(const gt_spec *x, unsigned dims, gt_axes *kept, gt_axes *reduced);
/* Where element `index` of the first `count` axes begins. */
int64_t gt_axes_offset(const gt_axes *a, int count, int64_t index);

/* out[0] = the sums of in[0] over `dims`, divided by `divisor`; in[0] contiguous.  Floats are added
 * in double. */
gt_status gt_cpu_sum(gt_call *c, unsigned dims, double divisor);

/* What is known of some elements of one result; what the members hold is up to the reducer. */
typedef struct gt_partial {
  double f, g;
  int64_t i, at;
} gt_partial;

typedef struct gt_reducer {
  /* Reduces x[0 … n), contiguous, n > 0; x[0] is element number `at` of its result. */
  gt_partial (*part)(const void *x, int64_t n, int64_t at, const gt_value *attr);
  /* Joins two neighbours, `a` before `b`. */
  gt_partial (*combine)(gt_partial a, gt_partial b);
  /* Stores result number `index` of n elements; n == 0: `p` is zero. */
  void (*finish)(gt_call *c, gt_partial p, int64_t n, int64_t index);
} gt_reducer;

/* Reduces in[0], contiguous, over `dims`. */
gt_status gt_cpu_reduce(gt_call *c, unsigned dims, const gt_reducer *r);

#endif
