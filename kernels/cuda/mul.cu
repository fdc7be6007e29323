/* mul.cu: y = a b. */
#include "kernels/cuda/binary.cuh"

namespace {

using namespace gt;

template <typename A> struct Multiply {
  __device__ A operator()(A a, A b) const { return a * b; }
};

} // namespace

extern "C" gt_status gt_cu_mul_forward(gt_call *c) {
  if (c->out[0]->dtype == GT_I64) return run_binary<int64_t>(c, Multiply<int64_t>{});
  GT_DISPATCH(c, c->out[0]->dtype, return run_binary<T>(c, Multiply<accumulator<T>>{}));
  return GT_OK;
}
