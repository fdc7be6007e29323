/* sum_to.cu: sums x over the dimensions that broadcasting added or stretched. */
#include "kernels/cuda/sums.cuh"

extern "C" gt_status gt_cu_sum_to_forward(gt_call *c) {
  const gt_spec *x = &c->in_spec[0];
  const gt_dims &shape = gt::attribute(c, "shape").dims;
  int added = x->ndim - shape.count;
  unsigned dims = 0;
  for (int d = 0; d < x->ndim; d++)
    if (d < added || shape.at[d - added] != x->shape[d]) dims |= 1u << d;
  return gt::sum_dims(c, dims);
}
