/* relu2.cu: y = max(x, 0)^2 and dx = 2 max(x, 0) dy; NaN stays NaN. */
#include "kernels/cuda/cuda.cuh"

namespace {

using namespace gt;

template <typename T> GT_KERNEL k_relu2(const T *x, T *y, int64_t n) {
  for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < n;
       i += (int64_t)gridDim.x * blockDim.x) {
    accumulator<T> r = load(x[i]);
    r = r < 0 ? 0 : r;
    store(&y[i], r * r);
  }
}

template <typename T>
GT_KERNEL k_relu2_backward(const T *x, const T *dy, T *dx, bool add, int64_t n) {
  for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < n;
       i += (int64_t)gridDim.x * blockDim.x) {
    accumulator<T> r = load(x[i]);
    accumulator<T> d = 2 * (r < 0 ? 0 : r) * load(dy[i]);
    store(&dx[i], add ? load(dx[i]) + d : d);
  }
}

template <typename T> gt_status forward(gt_call *c) {
  int64_t n = gt_count(c->out[0]);
  if (n == 0) return GT_OK;
  auto kernel = k_relu2<T>;
  GT_LAUNCH(kernel, blocks_for(n), BLOCK, 0, stream(c), data<T>(c->in[0]), data<T>(c->out[0]), n);
  return launched(c);
}

template <typename T> gt_status backward(gt_call *c) {
  int64_t n = gt_count(c->gin[0]);
  if (n == 0) return GT_OK;
  auto kernel = k_relu2_backward<T>;
  GT_LAUNCH(kernel, blocks_for(n), BLOCK, 0, stream(c), data<T>(c->in[0]), data<T>(c->gout[0]),
            data<T>(c->gin[0]), c->accumulate[0], n);
  return launched(c);
}

} // namespace

extern "C" gt_status gt_cu_relu2_forward(gt_call *c) {
  GT_DISPATCH(c, c->stored, return forward<T>(c));
  return GT_OK;
}

extern "C" gt_status gt_cu_relu2_backward(gt_call *c) {
  GT_DISPATCH(c, c->stored, return backward<T>(c));
  return GT_OK;
}
