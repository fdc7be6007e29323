/* linear.cu: y = x W^T + b by cuBLAS, x (R, in), W (out, in), b (out).
 *   dx = dy W;  dW = dy^T x;  db = the column sums of dy. */
#include "kernels/cuda/cuda.cuh"

namespace {

using namespace gt;

struct Sizes {
  int64_t rows, in, out;
};

Sizes sizes(const gt_call *c) {
  const gt_spec *x = &c->in_spec[0], *w = &c->in_spec[1];
  Sizes s = {1, w->shape[1], w->shape[0]};
  for (int d = 0; d + 1 < x->ndim; d++) s.rows *= x->shape[d];
  return s;
}

template <typename T>
GT_KERNEL k_add_bias(T *y /* (R, N) */, const T *b /* (N) */, int64_t R, int64_t N) {
  for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < R * N;
       i += (int64_t)gridDim.x * blockDim.x)
    store(&y[i], load(y[i]) + load(b[i % N]));
}

template <typename T>
GT_KERNEL k_bias_gradient(const T *dy /* (R, N) */, T *db /* (N) */, int64_t R, int64_t N,
                          bool add) {
  int64_t column = (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
  if (column >= N) return;
  accumulator<T> sum = 0;
  for (int64_t row = 0; row < R; row++) sum += load(dy[row * N + column]);
  store(&db[column], add ? load(db[column]) + sum : sum);
}

template <typename T> gt_status add_bias(gt_call *c, Sizes s) {
  auto kernel = k_add_bias<T>;
  GT_LAUNCH(kernel, blocks_for(s.rows * s.out), BLOCK, 0, stream(c), data<T>(c->out[0]),
            data<T>(c->in[2]), s.rows, s.out);
  return launched(c);
}

template <typename T> gt_status bias_gradient(gt_call *c, Sizes s) {
  auto kernel = k_bias_gradient<T>;
  unsigned blocks = (unsigned)((s.out + BLOCK - 1) / BLOCK);
  GT_LAUNCH(kernel, blocks, BLOCK, 0, stream(c), data<T>(c->gout[0]), data<T>(c->gin[2]), s.rows,
            s.out, c->accumulate[2]);
  return launched(c);
}

} // namespace

extern "C" gt_status gt_cu_linear_forward(gt_call *c) {
  Sizes s = sizes(c);
  gt_dtype dtype = c->stored;
  Matrix x = {gt_data(c->in[0]), s.in, 0, false}, w = {gt_data(c->in[1]), s.in, 0, true};
  GT_TRY(gemm(c, dtype, s.rows, s.out, s.in, x, w, 0, gt_data(c->out[0]), 0, 1));
  if (!c->in[2] || s.rows * s.out == 0) return GT_OK;
  GT_DISPATCH(c, dtype, return add_bias<T>(c, s));
  return GT_OK;
}

extern "C" gt_status gt_cu_linear_backward(gt_call *c) {
  Sizes s = sizes(c);
  gt_dtype dtype = c->stored;
  void *dy = gt_data(c->gout[0]);
  if (c->gin[0]) {
    Matrix g = {dy, s.out, 0, false}, w = {gt_data(c->in[1]), s.in, 0, false};
    GT_TRY(gemm(c, dtype, s.rows, s.in, s.out, g, w, c->accumulate[0], gt_data(c->gin[0]), 0, 1));
  }
  if (c->gin[1]) {
    Matrix g = {dy, s.out, 0, true}, x = {gt_data(c->in[0]), s.in, 0, false};
    GT_TRY(gemm(c, dtype, s.out, s.in, s.rows, g, x, c->accumulate[1], gt_data(c->gin[1]), 0, 1));
  }
  if (!c->gin[2] || s.out == 0) return GT_OK;
  GT_DISPATCH(c, dtype, return bias_gradient<T>(c, s));
  return GT_OK;
}
