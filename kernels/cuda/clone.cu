/* clone.cu: a contiguous copy. */
#include "kernels/cuda/cuda.cuh"

extern "C" gt_status gt_cu_clone_forward(gt_call *c) {
  const gt_tensor *x = c->in[0];
  gt::Strided s = {};
  s.ndim = x->ndim;
  for (int d = 0; d < x->ndim; d++) s.shape[d] = x->shape[d], s.stride[d] = x->stride[d];
  return gt::copy_strided(c, gt_dtype_size(x->dtype), s, gt_data(x), gt_data(c->out[0]));
}
