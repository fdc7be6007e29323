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
  double alpha = attribute(c, "alpha").f;
  if (c->dtype == GT_I64) return run_binary<int64_t>(c, Add<int64_t>{(int64_t)alpha});
  return c->dtype == GT_F64 ? run_binary<double>(c, Add<double>{alpha})
                            : run_binary<float>(c, Add<float>{(float)alpha});
}
