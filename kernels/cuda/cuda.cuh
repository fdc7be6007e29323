/* cuda.cuh: what the .cu files share: launches, reductions, element types, access to attributes.
 *
 * A kernel is started with GT_LAUNCH only, never with the language's own launch syntax, so that the
 * same file also compiles with a host C++ compiler against tests/emu/.
 *
 * A kernel sees numeric inputs of one dtype, c->stored: f32, f64, bf16, f16 (GT_DISPATCH), of some
 * ops also i64; what an op's descriptor says `any_dtype` of, it reads with load_as() and writes
 * with store_as().  Arithmetic and sums are in f32 (f64 for f64).  Kernels use no float atomics:
 * the same input gives the same bits. */
#ifndef GT_CUDA_CUH
#define GT_CUDA_CUH

#include <cublas_v2.h>
#include <cuda_bf16.h>
#include <cuda_runtime.h>

extern "C" {
#include "core/tensor/op.h"
}

#include <cstdio>
#include <cstring>

#ifdef GT_EMULATED
#define GT_KERNEL static void
#define GT_SHARED_MEMORY(type, name) type *name = reinterpret_cast<type *>(emu::dynamic_shared)
#define GT_LAUNCH(kernel, grid, block, shared, stream, ...)                                        \
  emu::launch((grid), (block), (shared), (stream), [&] { kernel(__VA_ARGS__); })
#else
#define GT_KERNEL static __global__ void
#define GT_SHARED_MEMORY(type, name)                                                               \
  extern __shared__ __align__(16) unsigned char gt_shared_bytes[];                                 \
  type *name = reinterpret_cast<type *>(gt_shared_bytes)
#define GT_LAUNCH(kernel, grid, block, shared, stream, ...)                                        \
  kernel<<<(grid), (block), (shared), (stream)>>>(__VA_ARGS__)
#endif

namespace gt {

enum { WARP = 32, BLOCK = 256 };

/* ---- element types: T is stored, Accumulator<T>::type is computed with ---- */

struct Half {
  uint16_t bits;
};

template <typename T> struct Accumulator { using type = float; };
template <> struct Accumulator<double> { using type = double; };
template <> struct Accumulator<int64_t> { using type = int64_t; };
template <typename T> using accumulator = typename Accumulator<T>::type;

template <typename T> __device__ __forceinline__ accumulator<T> load(T x) { return x; }
__device__ __forceinline__ float load(__nv_bfloat16 x) { return __bfloat162float(x); }

__device__ __forceinline__ float load(Half x) { return gt_from_f16(x.bits); }

/* Element i of an array whose type is known at run time only. */
template <typename A>
__device__ __forceinline__ A load_as(const void *x, gt_dtype dtype, int64_t i) {
  switch (dtype) {
  case GT_F32:
    return (A) static_cast<const float *>(x)[i];
  case GT_F64:
    return (A) static_cast<const double *>(x)[i];
  case GT_BF16:
    return (A)load(static_cast<const __nv_bfloat16 *>(x)[i]);
  case GT_F16:
    return (A)gt_from_f16(static_cast<const uint16_t *>(x)[i]);
  case GT_I64:
    return (A) static_cast<const int64_t *>(x)[i];
  case GT_I32:
    return (A) static_cast<const int32_t *>(x)[i];
  case GT_I16:
    return (A) static_cast<const int16_t *>(x)[i];
  case GT_U16:
    return (A) static_cast<const uint16_t *>(x)[i];
  case GT_I8:
    return (A) static_cast<const int8_t *>(x)[i];
  case GT_U8:
    return (A) static_cast<const uint8_t *>(x)[i];
  default: /* bool */
    return (A)(static_cast<const uint8_t *>(x)[i] != 0);
  }
}

template <typename T> __device__ __forceinline__ void store(T *to, accumulator<T> x) { *to = x; }
__device__ __forceinline__ void store(__nv_bfloat16 *to, float x) { *to = __float2bfloat16(x); }
__device__ __forceinline__ void store(Half *to, float x) { to->bits = gt_to_f16(x); }

__device__ __forceinline__ int64_t whole(int64_t x) { return x; }
__device__ __forceinline__ int64_t whole(double x) { return gt_truncated(x); }
__device__ __forceinline__ int64_t whole_i32(int64_t x) { return x; }
__device__ __forceinline__ int64_t whole_i32(double x) { return gt_truncated_i32(x); }

/* Stores x as element i of an array whose type is known at run time only, as gt_convert() does. */
template <typename A>
__device__ __forceinline__ void store_as(void *to, gt_dtype dtype, int64_t i, A x) {
  switch (dtype) {
  case GT_F32:
    static_cast<float *>(to)[i] = (float)x;
    break;
  case GT_F64:
    static_cast<double *>(to)[i] = (double)x;
    break;
  case GT_BF16:
    static_cast<uint16_t *>(to)[i] = gt_to_bf16((float)x);
    break;
  case GT_F16:
    static_cast<uint16_t *>(to)[i] = gt_to_f16((float)x);
    break;
  case GT_I64:
    static_cast<int64_t *>(to)[i] = whole(x);
    break;
  case GT_I32:
    static_cast<int32_t *>(to)[i] = (int32_t)whole_i32(x);
    break;
  case GT_I16:
    static_cast<int16_t *>(to)[i] = (int16_t)whole(x);
    break;
  case GT_U16:
    static_cast<uint16_t *>(to)[i] = (uint16_t)whole(x);
    break;
  case GT_I8:
    static_cast<int8_t *>(to)[i] = (int8_t)whole(x);
    break;
  case GT_U8:
    static_cast<uint8_t *>(to)[i] = (uint8_t)whole(x);
    break;
  default: /* bool */
    static_cast<uint8_t *>(to)[i] = x != 0;
  }
}

/* ---- sums over a block of BLOCK threads, the same tree every time; the result is in all threads
 * ---- */

template <typename A> __device__ __forceinline__ A warp_sum(A x) {
  for (int mask = WARP / 2; mask; mask /= 2) x += __shfl_xor_sync(0xffffffffu, x, mask);
  return x;
}

template <typename A> __device__ __forceinline__ A warp_max(A x) {
  for (int mask = WARP / 2; mask; mask /= 2) {
    A other = __shfl_xor_sync(0xffffffffu, x, mask);
    x = other > x ? other : x;
  }
  return x;
}

template <typename A> __device__ __forceinline__ A block_sum(A x) {
  __shared__ A partial[BLOCK / WARP];
  x = warp_sum(x);
  __syncthreads(); /* a former reduction's partials have been read */
  if (threadIdx.x % WARP == 0) partial[threadIdx.x / WARP] = x;
  __syncthreads();
  A sum = 0;
  for (int i = 0; i < BLOCK / WARP; i++) sum += partial[i];
  return sum;
}

template <typename A> __device__ __forceinline__ A block_max(A x) {
  __shared__ A partial[BLOCK / WARP];
  x = warp_max(x);
  __syncthreads();
  if (threadIdx.x % WARP == 0) partial[threadIdx.x / WARP] = x;
  __syncthreads();
  A most = partial[0];
  for (int i = 1; i < BLOCK / WARP; i++) most = partial[i] > most ? partial[i] : most;
  return most;
}

/* ---- host side ---- */

/* Blocks for n items, one per thread; kernels stride over the rest. */
inline unsigned blocks_for(int64_t n) {
  int64_t blocks = (n + BLOCK - 1) / BLOCK;
  return (unsigned)(blocks < 1 ? 1 : blocks > 65535 ? 65535 : blocks);
}

inline const gt_value &attribute(const gt_call *c, const char *name) {
  for (int i = 0; i < c->op->attr_count; i++)
    if (!strcmp(c->op->attrs[i].name, name)) return c->attr[i];
  static const gt_value none = {};
  return none;
}

template <typename T> T *data(const gt_tensor *t) { return static_cast<T *>(gt_data(t)); }

/* ---- the device (device.cu, copy.cu, fill.cu) ---- */

/* The stream of a backend, which becomes the device that launches are for. */
cudaStream_t stream(const gt_backend *backend);
inline cudaStream_t stream(const gt_call *c) { return stream(c->device); }
/* The status of the launches so far: a bad configuration shows here. */
gt_status launched(gt_ctx *cx, const gt_backend *backend, const char *what);
inline gt_status launched(gt_call *c) { return launched(c->cx, c->device, c->op->name); }

gt_status copy_strided(gt_ctx *cx, const gt_backend *backend, const gt_copying *copying);
gt_status fill(gt_ctx *cx, const gt_backend *backend, void *to, gt_dtype dtype, int64_t n,
               const gt_filling *filling);

/* Row-major C (M, N) = alpha op(A) (M, K) op(B) (K, N) + beta C for `batch` problems; all of one
 * storage type.  A stride of 0 repeats a matrix. */
struct Matrix {
  const void *data;
  int64_t ld, stride;
  bool transposed;
};
gt_status gemm(gt_call *c, gt_dtype dtype, int64_t M, int64_t N, int64_t K, Matrix a, Matrix b,
               double beta, void *out, int64_t out_stride, int64_t batch);

} // namespace gt

/* Runs the statement with T bound to the storage type. */
#define GT_DISPATCH(c, dtype_, ...)                                                                \
  switch (dtype_) {                                                                                \
  case GT_F32: {                                                                                   \
    using T = float;                                                                               \
    __VA_ARGS__;                                                                                   \
    break;                                                                                         \
  }                                                                                                \
  case GT_F64: {                                                                                   \
    using T = double;                                                                              \
    __VA_ARGS__;                                                                                   \
    break;                                                                                         \
  }                                                                                                \
  case GT_BF16: {                                                                                  \
    using T = __nv_bfloat16;                                                                       \
    __VA_ARGS__;                                                                                   \
    break;                                                                                         \
  }                                                                                                \
  case GT_F16: {                                                                                   \
    using T = gt::Half;                                                                            \
    __VA_ARGS__;                                                                                   \
    break;                                                                                         \
  }                                                                                                \
  default:                                                                                         \
    return gt_fail((c)->cx, GT_EDTYPE, "%s: the cuda kernel expects floats, got %s",               \
                   (c)->op->name, gt_dtype_name(dtype_));                                          \
  }

#endif
