/* cublas.cpp: strided batched products of the emulated cuBLAS.  bf16 is widened to f32 first. */
#include "cublas_v2.h"

#include "cuda_bf16.h"

#include <cblas.h>
#include <vector>

namespace {

CBLAS_TRANSPOSE operation(cublasOperation_t op) {
  return op == CUBLAS_OP_N ? CblasNoTrans : CblasTrans;
}

/* A bf16 matrix (columns of ld elements) as f32. */
std::vector<float> widened(const void *data, int64_t count) {
  const __nv_bfloat16 *from = static_cast<const __nv_bfloat16 *>(data);
  std::vector<float> to(count);
  for (int64_t i = 0; i < count; i++) to[i] = __bfloat162float(from[i]);
  return to;
}

/* Elements from the first to the last of a (rows, columns) column-major matrix. */
int64_t extent(int rows, int columns, int ld) {
  return rows && columns ? (int64_t)ld * (columns - 1) + rows : 0;
}

} // namespace

cublasStatus_t cublasGemmStridedBatchedEx(cublasHandle_t, cublasOperation_t op_a,
                                          cublasOperation_t op_b, int m, int n, int k,
                                          const void *alpha, const void *a, cudaDataType_t a_type,
                                          int lda, long long a_stride, const void *b,
                                          cudaDataType_t b_type, int ldb, long long b_stride,
                                          const void *beta, void *c, cudaDataType_t c_type, int ldc,
                                          long long c_stride, int batch, cublasComputeType_t,
                                          cublasGemmAlgo_t) {
  emu::Opened memory;
  openblas_set_num_threads(1);
  CBLAS_TRANSPOSE ta = operation(op_a), tb = operation(op_b);
  if (a_type != b_type) return CUBLAS_STATUS_NOT_SUPPORTED;
  for (int i = 0; i < batch; i++) {
    if (a_type == CUDA_R_64F && c_type == CUDA_R_64F) {
      cblas_dgemm(CblasColMajor, ta, tb, m, n, k, *static_cast<const double *>(alpha),
                  static_cast<const double *>(a) + i * a_stride, lda,
                  static_cast<const double *>(b) + i * b_stride, ldb,
                  *static_cast<const double *>(beta), static_cast<double *>(c) + i * c_stride, ldc);
      continue;
    }
    float alpha_f = *static_cast<const float *>(alpha), beta_f = *static_cast<const float *>(beta);
    if (a_type == CUDA_R_32F && c_type == CUDA_R_32F) {
      cblas_sgemm(CblasColMajor, ta, tb, m, n, k, alpha_f,
                  static_cast<const float *>(a) + i * a_stride, lda,
                  static_cast<const float *>(b) + i * b_stride, ldb, beta_f,
                  static_cast<float *>(c) + i * c_stride, ldc);
      continue;
    }
    if (a_type != CUDA_R_16BF || c_type == CUDA_R_64F) return CUBLAS_STATUS_NOT_SUPPORTED;
    int64_t a_count = op_a == CUBLAS_OP_N ? extent(m, k, lda) : extent(k, m, lda);
    int64_t b_count = op_b == CUBLAS_OP_N ? extent(k, n, ldb) : extent(n, k, ldb);
    std::vector<float> wide_a =
        widened(static_cast<const __nv_bfloat16 *>(a) + i * a_stride, a_count);
    std::vector<float> wide_b =
        widened(static_cast<const __nv_bfloat16 *>(b) + i * b_stride, b_count);
    if (c_type == CUDA_R_32F) {
      cblas_sgemm(CblasColMajor, ta, tb, m, n, k, alpha_f, wide_a.data(), lda, wide_b.data(), ldb,
                  beta_f, static_cast<float *>(c) + i * c_stride, ldc);
      continue;
    }
    __nv_bfloat16 *narrow = static_cast<__nv_bfloat16 *>(c) + i * c_stride;
    std::vector<float> wide_c = widened(narrow, extent(m, n, ldc));
    cblas_sgemm(CblasColMajor, ta, tb, m, n, k, alpha_f, wide_a.data(), lda, wide_b.data(), ldb,
                beta_f, wide_c.data(), ldc);
    for (int column = 0; column < n; column++)
      for (int row = 0; row < m; row++)
        narrow[(int64_t)column * ldc + row] = __float2bfloat16(wide_c[(int64_t)column * ldc + row]);
  }
  return CUBLAS_STATUS_SUCCESS;
}
