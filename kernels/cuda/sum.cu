/* sum.cu: sums over any set of dimensions. */
#include "kernels/cuda/sums.cuh"

extern "C" gt_status gt_cu_sum_forward(gt_call *c) {
  const gt_value &dim = gt::attribute(c, "dim");
  int ndim = c->in_spec[0].ndim;
  unsigned dims = dim.given && dim.dims.count > 0 ? 0 : (1u << ndim) - 1;
  for (int k = 0; dim.given && ndim > 0 && k < dim.dims.count; k++) {
    int d;
    GT_TRY(gt_dim_resolve(c->cx, "sum", dim.dims.at[k], ndim, &d));
    dims |= 1u << d;
  }
  return gt::sum_dims(c, dims);
}
