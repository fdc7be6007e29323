/* device.cu: CUDA devices as backends: memory, copies between devices, one compute stream each,
 * matrix products by cuBLAS, and the plug-in's entry.  Copies within a device are copy.cu, fills
 * fill.cu.
 *
 * A failed launch or copy marks the device as lost: the CUDA context is unusable from then on, and
 * every later call says so at once instead of failing strangely. */
#include "kernels/cuda/cuda.cuh"

extern "C" {
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
State states[GT_MAX_BACKENDS]; /* one context per device: the runtime's own state is global too */

State &state_of(const gt_backend *backend) { return *static_cast<State *>(backend->state); }

gt_status alive(gt_ctx *cx, const gt_backend *backend) {
  State &s = state_of(backend);
  if (!s.lost) return GT_OK;
  return gt_fail(cx, GT_EDEVICE, "%s: the device was lost (%s); restart gptsh to use it again",
                 backend->name, s.reason);
}

gt_status check(gt_ctx *cx, const gt_backend *backend, const char *what, cudaError_t error) {
  if (error == cudaSuccess) return GT_OK;
  if (error == cudaErrorMemoryAllocation) {
    cudaGetLastError(); /* not sticky: the next call works */
    return gt_fail(cx, GT_ENOMEM, "%s: out of memory in %s", backend->name, what);
  }
  State &s = state_of(backend);
  s.lost = true;
  snprintf(s.reason, sizeof s.reason, "%s: %s", what, cudaGetErrorString(error));
  return alive(cx, backend);
}

/* Makes it the device that the runtime's next calls are for. */
gt_status enter(gt_ctx *cx, const gt_backend *backend) {
  GT_TRY(alive(cx, backend));
  return check(cx, backend, "start", cudaSetDevice(backend->index));
}

gt_status device_alloc(gt_ctx *cx, const gt_backend *backend, size_t bytes, void **out) {
  GT_TRY(enter(cx, backend));
  return check(cx, backend, "allocation", cudaMalloc(out, bytes));
}

void device_release(gt_ctx *cx, const gt_backend *backend, void *data, size_t) {
  if (enter(cx, backend) == GT_OK) cudaFree(data);
}

gt_status device_sync(gt_ctx *cx, const gt_backend *backend) {
  GT_TRY(enter(cx, backend));
  return check(cx, backend, "a kernel", cudaStreamSynchronize(state_of(backend).stream));
}

/* What the source's kernels write is complete before, what the target's read after. */
gt_status copy_between(gt_ctx *cx, void *to, const gt_backend *to_backend, const void *from,
                       const gt_backend *from_backend, size_t bytes) {
  GT_TRY(device_sync(cx, from_backend));
  GT_TRY(enter(cx, to_backend));
  GT_TRY(check(cx, to_backend, "copy",
               cudaMemcpyPeerAsync(to, to_backend->index, from, from_backend->index, bytes,
                                   state_of(to_backend).stream)));
  return device_sync(cx, to_backend);
}

/* Copies are ordered with the kernels and finished on return: the host side may be pageable. */
gt_status device_copy(gt_ctx *cx, void *to, const gt_backend *to_backend, const void *from,
                      const gt_backend *from_backend, size_t bytes) {
  if (!to_backend->host && !from_backend->host)
    return copy_between(cx, to, to_backend, from, from_backend, bytes);
  const gt_backend *backend = to_backend->host ? from_backend : to_backend;
  GT_TRY(enter(cx, backend));
  GT_TRY(check(cx, backend, "copy",
               cudaMemcpyAsync(to, from, bytes,
                               to_backend->host ? cudaMemcpyDeviceToHost : cudaMemcpyHostToDevice,
                               state_of(backend).stream)));
  return device_sync(cx, backend);
}

gt_status device_memory(gt_ctx *cx, const gt_backend *backend, size_t *free_bytes, size_t *total) {
  GT_TRY(enter(cx, backend));
  return check(cx, backend, "memory query", cudaMemGetInfo(free_bytes, total));
}

gt_status blas_check(gt_ctx *cx, const gt_backend *backend, cublasStatus_t status) {
  if (status == CUBLAS_STATUS_SUCCESS) return GT_OK;
  return gt_fail(cx, GT_EDEVICE, "%s: cuBLAS: %s", backend->name, cublasGetStatusString(status));
}

gt_status device_count(gt_ctx *cx, int *out) {
  int count = 0;
  cudaError_t error = cudaGetDeviceCount(&count);
  if (error != cudaSuccess || count == 0) {
    cudaGetLastError();
    return gt_fail(cx, GT_EDEVICE, "cuda: no GPU available: %s",
                   error == cudaSuccess ? "the driver lists none" : cudaGetErrorString(error));
  }
  *out = count;
  return GT_OK;
}

gt_status start(gt_ctx *cx, const gt_backend *backend) {
  State &s = state_of(backend);
  if (s.open) return GT_OK;
  GT_TRY(enter(cx, backend));
  GT_TRY(check(cx, backend, "start", cudaStreamCreateWithFlags(&s.stream, cudaStreamNonBlocking)));
  GT_TRY(check(cx, backend, "start", cudaMalloc(&s.workspace, WORKSPACE_BYTES)));
  GT_TRY(blas_check(cx, backend, cublasCreate(&s.blas)));
  GT_TRY(blas_check(cx, backend, cublasSetStream(s.blas, s.stream)));
  GT_TRY(blas_check(cx, backend, cublasSetWorkspace(s.blas, s.workspace, WORKSPACE_BYTES)));
  s.open = true;
  return GT_OK;
}

gt_status device_open(gt_ctx *cx, int index, gt_backend *out) {
  gt_backend backend = {};
  snprintf(backend.name, sizeof backend.name, "cuda:%d", index);
  backend.type = "cuda";
  backend.index = index;
  backend.data = true;
  backend.halves = 1u << GT_BF16 | 1u << GT_F16;
  backend.state = &states[index];
  backend.alloc = device_alloc;
  backend.release = device_release;
  backend.copy = device_copy;
  backend.strided_copy = gt::copy_strided;
  backend.fill = gt::fill;
  backend.sync = device_sync;
  backend.memory = device_memory;
  GT_TRY(start(cx, &backend));
  *out = backend;
  return GT_OK;
}

} // namespace

extern "C" const gt_plugin gt_plugin_cuda __asm__("gt_plugin");
extern "C" const gt_plugin gt_plugin_cuda = {GT_PLUGIN_ABI, device_count, device_open,
                                             gt_cuda_kernels};

namespace gt {

cudaStream_t stream(const gt_backend *backend) {
  cudaSetDevice(backend->index); /* what may fail has failed when it was opened */
  return state_of(backend).stream;
}

gt_status launched(gt_ctx *cx, const gt_backend *backend, const char *what) {
  GT_TRY(alive(cx, backend));
  return check(cx, backend, what, cudaGetLastError());
}

static cudaDataType_t type_of(gt_dtype dtype) {
  return dtype == GT_F64    ? CUDA_R_64F
         : dtype == GT_F32  ? CUDA_R_32F
         : dtype == GT_BF16 ? CUDA_R_16BF
                            : CUDA_R_16F;
}

/* cuBLAS is column-major: the row-major C = op(A) op(B) is its C^T = op(B)^T op(A)^T. */
gt_status gemm(gt_call *c, gt_dtype dtype, int64_t M, int64_t N, int64_t K, Matrix a, Matrix b,
               double beta, void *out, int64_t out_stride, int64_t batch) {
  GT_TRY(enter(c->cx, c->device));
  if (M == 0 || N == 0 || batch == 0) return GT_OK;
  const int64_t most = 0x7fffffff;
  if (M > most || N > most || K > most || a.ld > most || b.ld > most || batch > most)
    return gt_fail(c->cx, GT_ESHAPE, "%s: a dimension is too large for cuBLAS", c->op->name);
  cudaDataType_t type = type_of(dtype);
  cublasComputeType_t compute = dtype == GT_F64 ? CUBLAS_COMPUTE_64F : CUBLAS_COMPUTE_32F;
  float one_f = 1, beta_f = (float)beta;
  double one = 1;
  const void *alpha_p = dtype == GT_F64 ? (const void *)&one : &one_f;
  const void *beta_p = dtype == GT_F64 ? (const void *)&beta : &beta_f;
  return blas_check(c->cx, c->device,
                    cublasGemmStridedBatchedEx(
                        state_of(c->device).blas, b.transposed ? CUBLAS_OP_T : CUBLAS_OP_N,
                        a.transposed ? CUBLAS_OP_T : CUBLAS_OP_N, (int)N, (int)M, (int)K, alpha_p,
                        b.data, type, (int)(b.ld > 0 ? b.ld : 1), b.stride, a.data, type,
                        (int)(a.ld > 0 ? a.ld : 1), a.stride, beta_p, out, type, (int)N, out_stride,
                        (int)batch, compute, CUBLAS_GEMM_DEFAULT));
}

} // namespace gt
