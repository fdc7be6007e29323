/* sums.cuh: sums of a contiguous x over any set of dimensions.  One block per result, a fixed tree
 * per block. */
#ifndef GT_SUMS_CUH
#define GT_SUMS_CUH

#include "kernels/cuda/cuda.cuh"

namespace gt {

struct Sums {
  int kept, reduced; /* number of dimensions of each kind */
  int64_t kept_shape[GT_MAX_DIM], kept_stride[GT_MAX_DIM];
  int64_t reduced_shape[GT_MAX_DIM], reduced_stride[GT_MAX_DIM];
  int64_t outputs, length;
};

__device__ __forceinline__ int64_t offset(int64_t i, int ndim, const int64_t *shape,
                                          const int64_t *stride) {
  int64_t at = 0;
  for (int d = ndim - 1; d >= 0; d--) {
    at += i % shape[d] * stride[d];
    i /= shape[d];
  }
  return at;
}

template <typename T, typename A> GT_KERNEL k_sum(T *y, const void *x, gt_dtype x_type, Sums g) {
  for (int64_t o = blockIdx.x; o < g.outputs; o += gridDim.x) {
    int64_t base = offset(o, g.kept, g.kept_shape, g.kept_stride);
    A sum = 0;
    for (int64_t i = threadIdx.x; i < g.length; i += BLOCK)
      sum += load_as<A>(x, x_type, base + offset(i, g.reduced, g.reduced_shape, g.reduced_stride));
    sum = block_sum(sum);
    if (threadIdx.x == 0) store(&y[o], (accumulator<T>)sum);
  }
}

inline Sums sums_of(const gt_tensor *x, unsigned dims) {
  Sums g = {};
  g.outputs = g.length = 1;
  for (int d = 0; d < x->ndim; d++) {
    bool reduce = dims >> d & 1;
    int at = reduce ? g.reduced++ : g.kept++;
    (reduce ? g.reduced_shape : g.kept_shape)[at] = x->shape[d];
    (reduce ? g.reduced_stride : g.kept_stride)[at] = x->stride[d];
    (reduce ? g.length : g.outputs) *= x->shape[d];
  }
  return g;
}

template <typename T, typename A> gt_status run_sums(gt_call *c, Sums g) {
  if (g.outputs == 0) return GT_OK;
  auto kernel = k_sum<T, A>;
  unsigned blocks = (unsigned)(g.outputs < 65535 ? g.outputs : 65535);
  GT_LAUNCH(kernel, blocks, BLOCK, 0, stream(c), data<T>(c->out[0]), gt_data(c->in[0]),
            c->in[0]->dtype, g);
  return launched(c);
}

/* out[0] = the sums of in[0] over the dimensions whose bit is set. */
inline gt_status sum_dims(gt_call *c, unsigned dims) {
  Sums g = sums_of(c->in[0], dims);
  if (c->out[0]->dtype == GT_I64) return run_sums<int64_t, int64_t>(c, g);
  GT_DISPATCH(c, c->out[0]->dtype, return (run_sums<T, double>(c, g)));
  return GT_OK;
}

} // namespace gt

#endif
