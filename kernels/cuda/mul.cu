/* mul.cu: y = a b. */
#include "kernels/cuda/binary.cuh"

namespace {

using namespace gt;

template <typename A> struct Multiply {
  __device__ A operator()(A a, A b) const { return a * b; }
};

} // namespace

extern "C" gt_status gt_cu_mul_forward(gt_call *c) {
  if (c->dtype == GT_I64) return run_binary<int64_t>(c, Multiply<int64_t>{});
  return c->dtype == GT_F64 ? run_binary<double>(c, Multiply<double>{})
                            : run_binary<float>(c, Multiply<float>{});
}
