/* binary.cuh: y = f(a, b) element by element with broadcasting; arrays of any strides and types. */
#ifndef GT_BINARY_CUH
#define GT_BINARY_CUH

#include "kernels/cuda/cuda.cuh"

namespace gt {

struct Broadcast {
  int ndim;
  int64_t shape[GT_MAX_DIM], a[GT_MAX_DIM], b[GT_MAX_DIM]; /* strides; 0 where broadcast */
};

template <typename A, typename F>
GT_KERNEL k_binary(void *y, gt_dtype y_type, const void *a, gt_dtype a_type, const void *b,
                   gt_dtype b_type, F f, Broadcast g, int64_t n) {
  for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < n;
       i += (int64_t)gridDim.x * blockDim.x) {
    int64_t rest = i, at_a = 0, at_b = 0;
    for (int d = g.ndim - 1; d >= 0; d--) {
      int64_t index = rest % g.shape[d];
      rest /= g.shape[d];
      at_a += index * g.a[d];
      at_b += index * g.b[d];
    }
    store_as<A>(y, y_type, i, f(load_as<A>(a, a_type, at_a), load_as<A>(b, b_type, at_b)));
  }
}

inline Broadcast broadcast_of(const gt_call *c) {
  Broadcast g = {};
  const gt_tensor *y = c->out[0];
  g.ndim = y->ndim;
  for (int d = 0; d < y->ndim; d++) {
    int da = d - (y->ndim - c->in[0]->ndim), db = d - (y->ndim - c->in[1]->ndim);
    g.shape[d] = y->shape[d];
    g.a[d] = da >= 0 && c->in[0]->shape[da] > 1 ? c->in[0]->stride[da] : 0;
    g.b[d] = db >= 0 && c->in[1]->shape[db] > 1 ? c->in[1]->stride[db] : 0;
  }
  return g;
}

/* A: the type that f computes in. */
template <typename A, typename F> gt_status run_binary(gt_call *c, F f) {
  int64_t n = gt_count(c->out[0]);
  if (n == 0) return GT_OK;
  auto kernel = k_binary<A, F>;
  GT_LAUNCH(kernel, blocks_for(n), BLOCK, 0, stream(c), gt_data(c->out[0]), c->out[0]->dtype,
            gt_data(c->in[0]), c->in[0]->dtype, gt_data(c->in[1]), c->in[1]->dtype, f,
            broadcast_of(c), n);
  return launched(c);
}

} // namespace gt

#endif
