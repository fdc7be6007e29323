/* cuda.cuh: what the .cu files share: launches, reductions, element types, access to attributes.
 *
 * A kernel is started with GT_LAUNCH only, never with the language's own launch syntax, so that the
 * same file also compiles with a host C++ compiler against tests/emu/.  Results are f32, f64 or
 * bf16 (GT_DISPATCH refuses others), some also i64; load_as() reads every dtype; arithmetic and sums
 * are in f32 (f64 for f64).  Kernels use no float atomics: the same input
 * gives the same bits. */
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
  emu::launch((grid), (block), (shared), [&] { kernel(__VA_ARGS__); })
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

template <typename T> struct Accumulator { using type = float; };
template <> struct Accumulator<double> { using type = double; };
template <> struct Accumulator<int64_t> { using type = int64_t; };
template <typename T> using accumulator = typename Accumulator<T>::type;

template <typename T> __device__ __forceinline__ accumulator<T> load(T x) { return x; }
__device__ __forceinline__ float load(__nv_bfloat16 x) { return __bfloat162float(x); }

/* The value of the bits of an f16: with the exponent in place the number is 2^112 too small, which
 * holds for subnormal ones as well. */
__device__ __forceinline__ float from_f16(uint16_t h) {
  uint32_t bits = (h & 0x7fffu) << 13;
  float x;
  memcpy(&x, &bits, sizeof x);
  x *= 0x1p112f;
  if ((h & 0x7c00u) == 0x7c00u) { /* infinity, NaN */
    bits |= 0x7f800000u;
    memcpy(&x, &bits, sizeof x);
  }
  return h & 0x8000u ? -x : x;
}

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
    return (A)from_f16(static_cast<const uint16_t *>(x)[i]);
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

/* ---- the device (device.cu) ---- */
cudaStream_t stream();
gt_status
launched(gt_call *c); /* the status of the launches so far: a bad configuration shows here */

/* Copies the elements of a strided array into a contiguous one, by size. */
struct Strided {
  int ndim;
  int64_t shape[GT_MAX_DIM], stride[GT_MAX_DIM];
};
gt_status copy_strided(gt_call *c, size_t element, const Strided &s, const void *from, void *to);

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
  default:                                                                                         \
    return gt_fail((c)->cx, GT_EDTYPE,                                                             \
                   "%s: the cuda kernel expects float32, float64 or bfloat16, got %s",             \
                   (c)->op->name, gt_dtype_name(dtype_));                                          \
  }

#endif
