/* add.cu: y = a + alpha b with broadcasting; inputs of any strides and types. */
#include "kernels/cuda.cuh"

namespace {

using namespace gt;

struct Geometry {
  int ndim;
  int64_t shape[GT_MAX_DIM], a[GT_MAX_DIM], b[GT_MAX_DIM]; /* strides; 0 where broadcast */
};

template <typename T, typename A>
GT_KERNEL k_add(T *y, const void *a, gt_dtype a_type, const void *b, gt_dtype b_type, A alpha,
                Geometry g, int64_t n) {
  for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < n;
       i += (int64_t)gridDim.x * blockDim.x) {
    int64_t rest = i, at_a = 0, at_b = 0;
    for (int d = g.ndim - 1; d >= 0; d--) {
      int64_t index = rest % g.shape[d];
      rest /= g.shape[d];
      at_a += index * g.a[d];
      at_b += index * g.b[d];
    }
    A sum = load_as<A>(a, a_type, at_a) + alpha * load_as<A>(b, b_type, at_b);
    store(&y[i], sum);
  }
}

Geometry geometry(const gt_call *c) {
  Geometry g = {};
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

template <typename T, typename A> gt_status run(gt_call *c) {
  int64_t n = gt_count(c->out[0]);
  if (n == 0) return GT_OK;
  auto kernel = k_add<T, A>;
  GT_LAUNCH(kernel, blocks_for(n), BLOCK, 0, stream(), data<T>(c->out[0]), gt_data(c->in[0]),
            c->in[0]->dtype, gt_data(c->in[1]), c->in[1]->dtype, (A)attribute(c, "alpha").f,
            geometry(c), n);
  return launched(c);
}

} // namespace

extern "C" gt_status gt_cu_add_forward(gt_call *c) {
  if (c->out[0]->dtype == GT_I64) return run<int64_t, int64_t>(c);
  GT_DISPATCH(c, c->out[0]->dtype, return run<T, accumulator<T>>(c));
  return GT_OK;
}
