/* cuda_runtime.h: the part of the CUDA runtime that the project's .cu files use, on the emulated
 * device. */
#ifndef GT_EMU_CUDA_RUNTIME_H
#define GT_EMU_CUDA_RUNTIME_H

#include "emu.h"

#include <cmath>
#include <cstring>

#define __global__ static
#define __device__
#define __host__
#define __forceinline__ inline
#define __shared__ static
#define __restrict__ __restrict
#define __launch_bounds__(...)

#define threadIdx emu::position.thread
#define blockIdx emu::position.block
#define blockDim emu::position.block_dim
#define gridDim emu::position.grid_dim

inline void __syncthreads() { emu::block_barrier(); }
inline void __syncwarp(unsigned = 0xffffffffu) { emu::exchange(0, emu::lane()); }

template <typename T> inline T emu_exchange(T value, int source) {
  static_assert(sizeof(T) <= 8, "a shuffle moves at most 8 bytes");
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  bits = emu::exchange(bits, source);
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
template <typename T> inline T __shfl_sync(unsigned, T value, int source) {
  return emu_exchange(value, source & 31);
}
template <typename T> inline T __shfl_xor_sync(unsigned, T value, int mask) {
  return emu_exchange(value, emu::lane() ^ mask);
}
template <typename T> inline T __shfl_down_sync(unsigned, T value, unsigned delta) {
  int source = emu::lane() + (int)delta;
  return emu_exchange(value, source < 32 ? source : emu::lane());
}

template <typename T> inline T atomicAdd(T *address, T value) {
  T old = *address;
  *address = old + value;
  return old;
}
template <typename T> inline T atomicMax(T *address, T value) {
  T old = *address;
  if (value > old) *address = value;
  return old;
}
template <typename T> inline T __ldg(const T *address) { return *address; }
inline float rsqrtf(float x) { return 1.0f / std::sqrt(x); }
inline double rsqrt(double x) { return 1.0 / std::sqrt(x); }
inline float __fmaf_rn(float a, float b, float c) { return std::fma(a, b, c); }

/* ---- host side ---- */
enum cudaError_t {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorMemoryAllocation = 2,
  cudaErrorInvalidDevice = 101,
  cudaErrorInvalidResourceHandle = 400
};
enum cudaMemcpyKind {
  cudaMemcpyHostToDevice,
  cudaMemcpyDeviceToHost,
  cudaMemcpyDeviceToDevice,
  cudaMemcpyDefault
};
typedef emu::Stream *cudaStream_t;
enum { cudaStreamNonBlocking = 1 };

inline const char *cudaGetErrorString(cudaError_t e) {
  return e == cudaSuccess ? "no error" : e == cudaErrorMemoryAllocation ? "out of memory" : "error";
}
inline cudaError_t cudaGetDeviceCount(int *count) {
  return *count = emu::device_count(), cudaSuccess;
}
inline cudaError_t cudaSetDevice(int device) {
  if (device < 0 || device >= emu::device_count()) return cudaErrorInvalidDevice;
  return emu::current_device = device, cudaSuccess;
}
inline cudaError_t cudaStreamCreateWithFlags(cudaStream_t *s, unsigned) {
  return *s = new emu::Stream{emu::current_device}, cudaSuccess;
}
inline cudaError_t cudaStreamSynchronize(cudaStream_t) { return cudaSuccess; }
inline cudaError_t cudaGetLastError() {
  return emu::launch_error() ? cudaErrorInvalidResourceHandle : cudaSuccess;
}
inline cudaError_t cudaMalloc(void **out, size_t bytes) {
  *out = emu::allocate(bytes);
  return *out ? cudaSuccess : cudaErrorMemoryAllocation;
}
inline cudaError_t cudaFree(void *data) { return emu::release(data), cudaSuccess; }
inline cudaError_t cudaMemGetInfo(size_t *free_bytes, size_t *total) {
  *free_bytes = *total = (size_t)8 << 30;
  return cudaSuccess;
}
inline cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind,
                                   cudaStream_t) {
  emu::Opened memory(emu::ALL);
  std::memmove(to, from, bytes);
  return cudaSuccess;
}
inline cudaError_t cudaMemcpyPeerAsync(void *to, int, const void *from, int, size_t bytes,
                                       cudaStream_t stream) {
  return cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream);
}

#endif
