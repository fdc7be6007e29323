/* sum.cu: sums over any set of dimensions. */
#include "kernels/cuda/sums.cuh"

extern "C" {
#include "kernels/op/reduction.h"
}

extern "C" gt_status gt_cu_sum_forward(gt_call *c) {
  unsigned dims;
  GT_TRY(gt_reduced_dims(c, &dims));
  return gt::sum_dims(c, dims);
}
