/* cublas.cpp: strided batched products of the emulated cuBLAS, by plain loops. */
#include "cublas_v2.h"

#include "core/tensor/element.h"
#include "cuda_bf16.h"

namespace {

float widened(float x) { return x; }
double widened(double x) { return x; }
float widened(__nv_bfloat16 x) { return __bfloat162float(x); }
struct half {
  uint16_t bits;
};
float widened(half x) { return gt_from_f16(x.bits); }

void store(float x, float *to) { *to = x; }
void store(double x, double *to) { *to = x; }
void store(float x, __nv_bfloat16 *to) { *to = __float2bfloat16(x); }
void store(float x, half *to) { to->bits = gt_to_f16(x); }

/* Column-major C (m, n) = alpha op(A) op(B) + beta C; sums in S. */
template <class S, class In, class Out> struct product {
  int m, n, k;
  bool turn_a, turn_b;
  S alpha, beta;
  const In *a;
  int64_t lda;
  const In *b;
  int64_t ldb;
  Out *c;
  int64_t ldc;

  S element(int64_t i, int64_t j) const {
    S sum = 0;
    for (int64_t l = 0; l < k; l++)
      sum += widened(a[turn_a ? i * lda + l : l * lda + i]) *
             widened(b[turn_b ? l * ldb + j : j * ldb + l]);
    return sum;
  }

  void run() const {
    for (int64_t j = 0; j < n; j++) {
      for (int64_t i = 0; i < m; i++) {
        Out *to = c + j * ldc + i;
        store(alpha * element(i, j) + (beta == 0 ? 0 : beta * widened(*to)), to);
      }
    }
  }
};

} // namespace

cublasStatus_t cublasGemmStridedBatchedEx(cublasHandle_t, cublasOperation_t op_a,
                                          cublasOperation_t op_b, int m, int n, int k,
                                          const void *alpha, const void *a, cudaDataType_t a_type,
                                          int lda, long long a_stride, const void *b,
                                          cudaDataType_t b_type, int ldb, long long b_stride,
                                          const void *beta, void *c, cudaDataType_t c_type, int ldc,
                                          long long c_stride, int batch, cublasComputeType_t,
                                          cublasGemmAlgo_t) {
  emu::Opened memory(emu::current_device);
  auto run = [&](auto sum, auto in, auto out) {
    using S = decltype(sum);
    using In = decltype(in);
    using Out = decltype(out);
    for (int64_t i = 0; i < batch; i++)
      product<S, In, Out>{m,
                          n,
                          k,
                          op_a == CUBLAS_OP_T,
                          op_b == CUBLAS_OP_T,
                          *static_cast<const S *>(alpha),
                          *static_cast<const S *>(beta),
                          static_cast<const In *>(a) + i * a_stride,
                          lda,
                          static_cast<const In *>(b) + i * b_stride,
                          ldb,
                          static_cast<Out *>(c) + i * c_stride,
                          ldc}
          .run();
    return CUBLAS_STATUS_SUCCESS;
  };
  if (a_type != b_type) return CUBLAS_STATUS_NOT_SUPPORTED;
  if (a_type == CUDA_R_64F && c_type == CUDA_R_64F) return run(0.0, 0.0, 0.0);
  if (a_type == CUDA_R_32F && c_type == CUDA_R_32F) return run(0.0f, 0.0f, 0.0f);
  if (a_type == CUDA_R_16BF && c_type == CUDA_R_32F) return run(0.0f, __nv_bfloat16{}, 0.0f);
  if (a_type == CUDA_R_16BF && c_type == CUDA_R_16BF)
    return run(0.0f, __nv_bfloat16{}, __nv_bfloat16{});
  if (a_type == CUDA_R_16F && c_type == CUDA_R_16F) return run(0.0f, half{}, half{});
  return CUBLAS_STATUS_NOT_SUPPORTED;
}
