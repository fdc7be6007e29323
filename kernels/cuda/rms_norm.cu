/* rms_norm.cu: y = r x w with r = 1 / sqrt(mean(x^2) + eps) per row, x (R, C), w (C) or none.
 *   dx = r (w dy) - x r^3 mean(x w dy);  dw = the sum over rows of r x dy, first row to last. */
#include "kernels/cuda/cuda.cuh"

#include <cfloat>

namespace {

using namespace gt;

/* 1 / rms of one row, in all threads of the block. */
template <typename T>
__device__ __forceinline__ accumulator<T> row_scale(const T *x, int64_t C, accumulator<T> eps) {
  accumulator<T> sum = 0;
  for (int64_t i = threadIdx.x; i < C; i += BLOCK) {
    accumulator<T> v = load(x[i]);
    sum += v * v;
  }
  return 1 / sqrt(block_sum(sum) / (accumulator<T>)C + eps);
}

template <typename T>
GT_KERNEL k_rms_norm(const T *x /* (R, C) */, const T *w /* (C) or NULL */, T *y /* (R, C) */,
                     int64_t R, int64_t C, accumulator<T> eps) {
  for (int64_t row = blockIdx.x; row < R; row += gridDim.x) {
    accumulator<T> r = row_scale(x + row * C, C, eps);
    for (int64_t i = threadIdx.x; i < C; i += BLOCK) {
      accumulator<T> v = load(x[row * C + i]) * r;
      store(&y[row * C + i], w ? v * load(w[i]) : v);
    }
  }
}

template <typename T>
GT_KERNEL k_rms_norm_dx(const T *x /* (R, C) */, const T *w, const T *dy /* (R, C) */,
                        T *dx /* (R, C) */, int64_t R, int64_t C, accumulator<T> eps, bool add) {
  for (int64_t row = blockIdx.x; row < R; row += gridDim.x) {
    const T *x_row = x + row * C, *dy_row = dy + row * C;
    accumulator<T> r = row_scale(x_row, C, eps), dot = 0;
    for (int64_t i = threadIdx.x; i < C; i += BLOCK)
      dot += load(x_row[i]) * load(dy_row[i]) * (w ? load(w[i]) : 1);
    accumulator<T> k = r * r * r * (block_sum(dot) / (accumulator<T>)C);
    for (int64_t i = threadIdx.x; i < C; i += BLOCK) {
      accumulator<T> d = r * load(dy_row[i]) * (w ? load(w[i]) : 1) - load(x_row[i]) * k;
      T *to = &dx[row * C + i];
      store(to, add ? load(*to) + d : d);
    }
  }
}

/* A block adds the rows in order for BLOCK columns at a time. */
template <typename T>
GT_KERNEL k_rms_norm_dw(const T *x /* (R, C) */, const T *dy /* (R, C) */, T *dw /* (C) */,
                        int64_t R, int64_t C, accumulator<T> eps, bool add) {
  int64_t column = (int64_t)blockIdx.x * BLOCK + threadIdx.x;
  accumulator<T> sum = 0;
  for (int64_t row = 0; row < R; row++) {
    accumulator<T> r = row_scale(x + row * C, C, eps);
    if (column < C) sum += load(x[row * C + column]) * r * load(dy[row * C + column]);
  }
  if (column < C) store(&dw[column], add ? load(dw[column]) + sum : sum);
}

double eps_of(const gt_call *c) {
  const gt_value &eps = attribute(c, "eps");
  return eps.given ? eps.f : c->dtype == GT_F64 ? DBL_EPSILON : FLT_EPSILON;
}

template <typename T> gt_status forward(gt_call *c, int64_t R, int64_t C) {
  auto kernel = k_rms_norm<T>;
  unsigned blocks = (unsigned)(R < 65535 ? R : 65535);
  GT_LAUNCH(kernel, blocks, BLOCK, 0, stream(c), data<T>(c->in[0]),
            c->in[1] ? data<T>(c->in[1]) : nullptr, data<T>(c->out[0]), R, C,
            (accumulator<T>)eps_of(c));
  return launched(c);
}

template <typename T> gt_status backward(gt_call *c, int64_t R, int64_t C) {
  const T *x = data<T>(c->in[0]), *w = c->in[1] ? data<T>(c->in[1]) : nullptr;
  const T *dy = data<T>(c->gout[0]);
  accumulator<T> eps = (accumulator<T>)eps_of(c);
  if (c->gin[0]) {
    auto kernel = k_rms_norm_dx<T>;
    unsigned blocks = (unsigned)(R < 65535 ? R : 65535);
    GT_LAUNCH(kernel, blocks, BLOCK, 0, stream(c), x, w, dy, data<T>(c->gin[0]), R, C, eps,
              c->accumulate[0]);
  }
  if (c->gin[1]) {
    auto kernel = k_rms_norm_dw<T>;
    unsigned blocks = (unsigned)((C + BLOCK - 1) / BLOCK);
    GT_LAUNCH(kernel, blocks, BLOCK, 0, stream(c), x, dy, data<T>(c->gin[1]), R, C, eps,
              c->accumulate[1]);
  }
  return launched(c);
}

void sizes(const gt_call *c, int64_t *R, int64_t *C) {
  const gt_spec *x = &c->in_spec[0];
  *C = x->shape[x->ndim - 1];
  *R = *C ? gt_spec_count(x) / *C : 0;
}

} // namespace

extern "C" gt_status gt_cu_rms_norm_forward(gt_call *c) {
  int64_t R = 0, C = 0;
  sizes(c, &R, &C);
  if (R == 0) return GT_OK;
  GT_DISPATCH(c, c->stored, return forward<T>(c, R, C));
  return GT_OK;
}

extern "C" gt_status gt_cu_rms_norm_backward(gt_call *c) {
  int64_t R = 0, C = 0;
  sizes(c, &R, &C);
  if (C == 0) return GT_OK;
  GT_DISPATCH(c, c->stored, return backward<T>(c, R, C));
  return GT_OK;
}
