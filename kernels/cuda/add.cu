/* add.cu: y = a + alpha b. */
#include "kernels/cuda/binary.cuh"

namespace {

using namespace gt;

template <typename A> struct Add {
  A alpha;
  __device__ A operator()(A a, A b) const { return a + alpha * b; }
};

} // namespace

extern "C" gt_status gt_cu_add_forward(gt_call *c) {
  if (c->out[0]->dtype == GT_I64)
    return run_binary<int64_t>(c, Add<int64_t>{(int64_t)attribute(c, "alpha").f});
  GT_DISPATCH(
      c, c->out[0]->dtype,
      return run_binary<T>(c, Add<accumulator<T>>{(accumulator<T>)attribute(c, "alpha").f}));
  return GT_OK;
}
