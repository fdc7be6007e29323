/* relu2.cu: y = max(x, 0)^2 and dx = 2 max(x, 0) dy; NaN stays NaN.  x may have any strides. */
#include "kernels/cuda/cuda.cuh"

namespace {

using namespace gt;

struct View {
  int ndim; /* 0: its elements lie one after the other */
  int64_t shape[GT_MAX_DIM], stride[GT_MAX_DIM];
};

View view_of(const gt_tensor *x) {
  View v = {};
  if (gt_is_contiguous(x)) return v;
  v.ndim = x->ndim;
  for (int d = 0; d < x->ndim; d++) v.shape[d] = x->shape[d], v.stride[d] = x->stride[d];
  return v;
}

/* Element i of x, or 0 where that is negative. */
template <typename A>
__device__ __forceinline__ A positive(const void *x, gt_dtype dtype, const View &v, int64_t i) {
  int64_t at = v.ndim == 0 ? i : 0;
  for (int d = v.ndim - 1; d >= 0; d--) {
    at += i % v.shape[d] * v.stride[d];
    i /= v.shape[d];
  }
  A r = load_as<A>(x, dtype, at);
  return r < 0 ? 0 : r;
}

template <typename A>
GT_KERNEL k_relu2(const void *x, gt_dtype x_type, View v, void *y, gt_dtype y_type, int64_t n) {
  for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < n;
       i += (int64_t)gridDim.x * blockDim.x) {
    A r = positive<A>(x, x_type, v, i);
    store_as<A>(y, y_type, i, r * r);
  }
}

template <typename A>
GT_KERNEL k_relu2_backward(const void *x, gt_dtype x_type, View v, const void *dy, gt_dtype dy_type,
                           void *dx, gt_dtype dx_type, bool add, int64_t n) {
  for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < n;
       i += (int64_t)gridDim.x * blockDim.x) {
    A d = 2 * positive<A>(x, x_type, v, i) * load_as<A>(dy, dy_type, i);
    store_as<A>(dx, dx_type, i, add ? load_as<A>(dx, dx_type, i) + d : d);
  }
}

template <typename A> gt_status forward(gt_call *c) {
  const gt_tensor *x = c->in[0], *y = c->out[0];
  int64_t n = gt_count(y);
  if (n == 0) return GT_OK;
  auto kernel = k_relu2<A>;
  GT_LAUNCH(kernel, blocks_for(n), BLOCK, 0, stream(c), gt_data(x), x->dtype, view_of(x),
            gt_data(y), y->dtype, n);
  return launched(c);
}

template <typename A> gt_status backward(gt_call *c) {
  const gt_tensor *x = c->in[0], *dy = c->gout[0], *dx = c->gin[0];
  int64_t n = gt_count(dx);
  if (n == 0) return GT_OK;
  auto kernel = k_relu2_backward<A>;
  GT_LAUNCH(kernel, blocks_for(n), BLOCK, 0, stream(c), gt_data(x), x->dtype, view_of(x),
            gt_data(dy), dy->dtype, gt_data(dx), dx->dtype, c->accumulate[0], n);
  return launched(c);
}

} // namespace

extern "C" gt_status gt_cu_relu2_forward(gt_call *c) {
  return c->dtype == GT_F64 ? forward<double>(c) : forward<float>(c);
}

extern "C" gt_status gt_cu_relu2_backward(gt_call *c) {
  return c->dtype == GT_F64 ? backward<double>(c) : backward<float>(c);
}
