/* device.cu: the CUDA device: memory, copies, one compute stream, matrix products by cuBLAS, and
 * the plug-in's entry.  The only file of the plug-in that is not an op.
 *
 * A failed launch or copy marks the device as lost: the CUDA context is unusable from then on, and
 * every later call says so at once instead of failing strangely. */
#include "kernels/cuda/cuda.cuh"

extern "C" {
#include "core/tensor/context.h"
extern const gt_device_kernel gt_cuda_kernels[]; /* generated from the names of the .cu files */
}

namespace {

enum { WORKSPACE_BYTES = 32 << 20 }; /* explicit, so that cuBLAS gives the same bits every time */

struct State {
  cudaStream_t stream;
  cublasHandle_t blas;
  void *workspace;
  bool open, lost;
  char reason[128];
};
State state; /* one device, one context: the runtime's own state is global too */

gt_status alive(gt_ctx *cx) {
  if (!state.lost) return GT_OK;
  return gt_fail(cx, GT_EDEVICE, "cuda: the device was lost (%s); restart gptsh to use it again",
                 state.reason);
}

gt_status check(gt_ctx *cx, const char *what, cudaError_t error) {
  if (error == cudaSuccess) return GT_OK;
  if (error == cudaErrorMemoryAllocation) {
    cudaGetLastError(); /* not sticky: the next call works */
    return gt_fail(cx, GT_ENOMEM, "cuda: out of memory in %s", what);
  }
  state.lost = true;
  snprintf(state.reason, sizeof state.reason, "%s: %s", what, cudaGetErrorString(error));
  return alive(cx);
}

gt_status device_alloc(gt_ctx *cx, const gt_device *, size_t bytes, void **out) {
  GT_TRY(alive(cx));
  return check(cx, "allocation", cudaMalloc(out, bytes));
}

void device_release(gt_ctx *, const gt_device *, void *data, size_t) {
  if (!state.lost) cudaFree(data);
}

/* Copies are ordered with the kernels and finished on return: the host side may be pageable. */
gt_status device_copy(gt_ctx *cx, void *to, const gt_device *to_device, const void *from,
                      const gt_device *from_device, size_t bytes) {
  GT_TRY(alive(cx));
  cudaMemcpyKind kind =
      to_device->kind == GT_CUDA
          ? from_device->kind == GT_CUDA ? cudaMemcpyDeviceToDevice : cudaMemcpyHostToDevice
          : cudaMemcpyDeviceToHost;
  GT_TRY(check(cx, "copy", cudaMemcpyAsync(to, from, bytes, kind, state.stream)));
  if (kind == cudaMemcpyDeviceToDevice) return GT_OK;
  return check(cx, "copy", cudaStreamSynchronize(state.stream));
}

gt_status device_zero(gt_ctx *cx, const gt_device *, void *data, size_t bytes) {
  GT_TRY(alive(cx));
  return check(cx, "fill", cudaMemsetAsync(data, 0, bytes, state.stream));
}

gt_status device_sync(gt_ctx *cx, const gt_device *) {
  GT_TRY(alive(cx));
  return check(cx, "a kernel", cudaStreamSynchronize(state.stream));
}

gt_status device_memory(gt_ctx *cx, const gt_device *, size_t *free_bytes, size_t *total) {
  GT_TRY(alive(cx));
  return check(cx, "memory query", cudaMemGetInfo(free_bytes, total));
}

const gt_device device = {GT_CUDA,     "cuda",      device_alloc, device_release,
                          device_copy, device_zero, device_sync,  device_memory};

gt_status blas_check(gt_ctx *cx, cublasStatus_t status) {
  if (status == CUBLAS_STATUS_SUCCESS) return GT_OK;
  return gt_fail(cx, GT_EDEVICE, "cuda: cuBLAS: %s", cublasGetStatusString(status));
}

gt_status device_open(gt_ctx *cx, const gt_device **out) {
  int count = 0;
  if (cudaGetDeviceCount(&count) != cudaSuccess || count == 0) {
    cudaGetLastError();
    return gt_fail(cx, GT_EDEVICE, "cuda: no GPU available");
  }
  if (!state.open) {
    GT_TRY(check(cx, "start", cudaSetDevice(0)));
    GT_TRY(check(cx, "start", cudaStreamCreateWithFlags(&state.stream, cudaStreamNonBlocking)));
    GT_TRY(check(cx, "start", cudaMalloc(&state.workspace, WORKSPACE_BYTES)));
    GT_TRY(blas_check(cx, cublasCreate(&state.blas)));
    GT_TRY(blas_check(cx, cublasSetStream(state.blas, state.stream)));
    GT_TRY(blas_check(cx, cublasSetWorkspace(state.blas, state.workspace, WORKSPACE_BYTES)));
    state.open = true;
  }
  *out = &device;
  return GT_OK;
}

} // namespace

extern "C" const gt_plugin gt_plugin_cuda __asm__("gt_plugin");
extern "C" const gt_plugin gt_plugin_cuda = {GT_PLUGIN_ABI, device_open, gt_cuda_kernels};

namespace gt {

cudaStream_t stream() { return state.stream; }

gt_status launched(gt_call *c) {
  GT_TRY(alive(c->cx));
  return check(c->cx, c->op->name, cudaGetLastError());
}

template <typename T> GT_KERNEL k_copy_strided(const T *x, T *y, Strided s, int64_t n) {
  for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < n;
       i += (int64_t)gridDim.x * blockDim.x) {
    int64_t rest = i, at = 0;
    for (int d = s.ndim - 1; d >= 0; d--) {
      at += rest % s.shape[d] * s.stride[d];
      rest /= s.shape[d];
    }
    y[i] = x[at];
  }
}

template <typename T>
static gt_status run_copy(gt_call *c, const Strided &s, const void *from, void *to) {
  int64_t n = 1;
  for (int d = 0; d < s.ndim; d++) n *= s.shape[d];
  if (n == 0) return GT_OK;
  auto kernel = k_copy_strided<T>;
  GT_LAUNCH(kernel, blocks_for(n), BLOCK, 0, stream(), static_cast<const T *>(from),
            static_cast<T *>(to), s, n);
  return launched(c);
}

gt_status copy_strided(gt_call *c, size_t element, const Strided &s, const void *from, void *to) {
  switch (element) {
  case 1:
    return run_copy<uint8_t>(c, s, from, to);
  case 2:
    return run_copy<uint16_t>(c, s, from, to);
  case 4:
    return run_copy<uint32_t>(c, s, from, to);
  default:
    return run_copy<uint64_t>(c, s, from, to);
  }
}

/* cuBLAS is column-major: the row-major C = op(A) op(B) is its C^T = op(B)^T op(A)^T. */
gt_status gemm(gt_call *c, gt_dtype dtype, int64_t M, int64_t N, int64_t K, Matrix a, Matrix b,
               double beta, void *out, int64_t out_stride, int64_t batch) {
  GT_TRY(alive(c->cx));
  if (dtype != GT_F32 && dtype != GT_F64 && dtype != GT_BF16)
    return gt_fail(c->cx, GT_EDTYPE, "%s: expected float32, float64 or bfloat16 on cuda, got %s",
                   c->op->name, gt_dtype_name(dtype));
  if (M == 0 || N == 0 || batch == 0) return GT_OK;
  const int64_t most = 0x7fffffff;
  if (M > most || N > most || K > most || a.ld > most || b.ld > most || batch > most)
    return gt_fail(c->cx, GT_ESHAPE, "%s: a dimension is too large for cuBLAS", c->op->name);
  cudaDataType_t type = dtype == GT_F64 ? CUDA_R_64F : dtype == GT_F32 ? CUDA_R_32F : CUDA_R_16BF;
  cublasComputeType_t compute = dtype == GT_F64 ? CUBLAS_COMPUTE_64F : CUBLAS_COMPUTE_32F;
  float one_f = 1, beta_f = (float)beta;
  double one = 1;
  const void *alpha_p = dtype == GT_F64 ? (const void *)&one : &one_f;
  const void *beta_p = dtype == GT_F64 ? (const void *)&beta : &beta_f;
  return blas_check(c->cx, cublasGemmStridedBatchedEx(
                               state.blas, b.transposed ? CUBLAS_OP_T : CUBLAS_OP_N,
                               a.transposed ? CUBLAS_OP_T : CUBLAS_OP_N, (int)N, (int)M, (int)K,
                               alpha_p, b.data, type, (int)(b.ld > 0 ? b.ld : 1), b.stride, a.data,
                               type, (int)(a.ld > 0 ? a.ld : 1), a.stride, beta_p, out, type,
                               (int)N, out_stride, (int)batch, compute, CUBLAS_GEMM_DEFAULT));
}

} // namespace gt
