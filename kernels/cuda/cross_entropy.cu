/* cross_entropy.cu: the loss and gradient of cross_entropy.h per row of logits z (N, V), reduced.
 * Saves the top and the rest of each row.  A target outside [0, V) cannot be reported without
 * waiting for the device: its loss and its row of dz are NaN. */
#include "kernels/cuda/cuda.cuh"

extern "C" {
#include "kernels/op/loss.h"
}

namespace {

using namespace gt;

template <typename A> struct Row {
  const void *target;
  gt_dtype target_type;
  int64_t ignored, N, V;
  A cap;
};

template <typename A> __device__ __forceinline__ A capped(A z, A cap) {
  return cap > 0 ? cap * tanh(z / cap) : z;
}

template <typename T, typename A = accumulator<T>>
GT_KERNEL k_rows(const T *z /* (N, V) */, A *loss /* (N) */, A *tops /* (2, N) */, Row<A> r) {
  for (int64_t row = blockIdx.x; row < r.N; row += gridDim.x) {
    const T *z_row = z + row * r.V;
    A most = -INFINITY, sum = 0;
    for (int64_t i = threadIdx.x; i < r.V; i += BLOCK) {
      A u = capped((A)load(z_row[i]), r.cap);
      most = u > most ? u : most;
    }
    most = block_max(most);
    for (int64_t i = threadIdx.x; i < r.V; i += BLOCK)
      sum += exp(capped((A)load(z_row[i]), r.cap) - most);
    sum = log(block_sum(sum));
    if (threadIdx.x > 0) continue;
    int64_t target = load_as<int64_t>(r.target, r.target_type, row);
    bool valid = target >= 0 && target < r.V;
    tops[row] = most;
    tops[r.N + row] = sum;
    A picked = valid ? capped((A)load(z_row[target]), r.cap) : NAN;
    loss[row] = target == r.ignored ? 0 : sum - (picked - most);
  }
}

/* One block: out = the sum of the losses, or that over the number of rows that count. */
template <typename T, typename A = accumulator<T>>
GT_KERNEL k_reduce(const A *loss /* (N) */, T *out, Row<A> r, bool mean) {
  double sum = 0, counted = 0;
  for (int64_t i = threadIdx.x; i < r.N; i += BLOCK) {
    sum += loss[i];
    counted += load_as<int64_t>(r.target, r.target_type, i) != r.ignored;
  }
  sum = block_sum(sum);
  counted = block_sum(counted);
  if (threadIdx.x == 0) store(out, (A)(mean ? sum / counted : sum));
}

template <typename T, typename A = accumulator<T>>
GT_KERNEL k_copy(const A *loss, T *out, int64_t n) {
  for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < n;
       i += (int64_t)gridDim.x * blockDim.x)
    store(&out[i], loss[i]);
}

/* One block: the gradient of each row's loss, but for reduction "none". */
template <typename T, typename A = accumulator<T>>
GT_KERNEL k_scale(const T *gout, A *scale, Row<A> r, bool mean) {
  double counted = 0;
  for (int64_t i = threadIdx.x; i < r.N; i += BLOCK)
    counted += load_as<int64_t>(r.target, r.target_type, i) != r.ignored;
  counted = block_sum(counted);
  if (threadIdx.x == 0) *scale = load(*gout) / (mean ? (A)counted : 1);
}

template <typename T, typename A = accumulator<T>>
GT_KERNEL k_gradient(const T *z /* (N, V) */, const A *tops /* (2, N) */,
                     const T *gout /* (N) or NULL */, const A *scale /* (1) */, T *dz /* (N, V) */,
                     Row<A> r, bool add) {
  for (int64_t row = blockIdx.x; row < r.N; row += gridDim.x) {
    int64_t target = load_as<int64_t>(r.target, r.target_type, row);
    bool valid = target >= 0 && target < r.V;
    A factor = target == r.ignored ? 0 : valid ? (gout ? load(gout[row]) : *scale) : NAN;
    for (int64_t i = threadIdx.x; i < r.V; i += BLOCK) {
      A u = capped((A)load(z[row * r.V + i]), r.cap);
      A slope = r.cap > 0 ? 1 - u / r.cap * (u / r.cap) : 1;
      A d = factor == 0
                ? 0
                : factor * (exp(u - tops[row] - tops[r.N + row]) - (i == target ? 1 : 0)) * slope;
      T *to = &dz[row * r.V + i];
      store(to, add ? load(*to) + d : d);
    }
  }
}

unsigned grid_of(int64_t rows) { return (unsigned)(rows < 65535 ? rows : 65535); }

template <typename A> Row<A> row_of(const gt_call *c) {
  return {gt_data(c->in[1]),      c->in[1]->dtype,        c->attr[GT_CE_IGNORE].i,
          c->in_spec[0].shape[0], c->in_spec[0].shape[1], (A)c->attr[GT_CE_SOFTCAP].f};
}

template <typename T> gt_status forward(gt_call *c) {
  using A = accumulator<T>;
  Row<A> r = row_of<A>(c);
  void *loss;
  GT_TRY(gt_scratch(c->cx, c->device, (size_t)(r.N + 1) * sizeof(A), &loss));
  A *losses = static_cast<A *>(loss);
  T *out = data<T>(c->out[0]);
  if (r.N > 0) {
    auto rows = k_rows<T>;
    GT_LAUNCH(rows, grid_of(r.N), BLOCK, 0, stream(c), data<T>(c->in[0]), losses,
              data<A>(c->out[1]), r);
  }
  int64_t reduction = c->attr[GT_CE_REDUCTION].i;
  if (reduction == GT_CE_NONE) {
    auto copy = k_copy<T>;
    if (r.N > 0) GT_LAUNCH(copy, blocks_for(r.N), BLOCK, 0, stream(c), losses, out, r.N);
  } else {
    auto reduce = k_reduce<T>;
    GT_LAUNCH(reduce, 1, BLOCK, 0, stream(c), losses, out, r, reduction == GT_CE_MEAN);
  }
  return launched(c);
}

template <typename T> gt_status backward(gt_call *c) {
  using A = accumulator<T>;
  Row<A> r = row_of<A>(c);
  if (r.N * r.V == 0) return GT_OK;
  void *scale;
  GT_TRY(gt_scratch(c->cx, c->device, sizeof(A), &scale));
  const T *gout = data<T>(c->gout[0]);
  int64_t reduction = c->attr[GT_CE_REDUCTION].i;
  bool each = reduction == GT_CE_NONE;
  if (!each) {
    auto k = k_scale<T>;
    GT_LAUNCH(k, 1, BLOCK, 0, stream(c), gout, static_cast<A *>(scale), r, reduction == GT_CE_MEAN);
  }
  auto gradient = k_gradient<T>;
  GT_LAUNCH(gradient, grid_of(r.N), BLOCK, 0, stream(c), data<T>(c->in[0]), data<A>(c->out[1]),
            each ? gout : nullptr, static_cast<const A *>(scale), data<T>(c->gin[0]), r,
            c->accumulate[0]);
  return launched(c);
}

} // namespace

extern "C" gt_status gt_cu_cross_entropy_forward(gt_call *c) {
  GT_DISPATCH(c, c->stored, return forward<T>(c));
  return GT_OK;
}

extern "C" gt_status gt_cu_cross_entropy_backward(gt_call *c) {
  GT_DISPATCH(c, c->stored, return backward<T>(c));
  return GT_OK;
}
