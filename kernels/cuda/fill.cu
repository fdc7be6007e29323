/* fill.cu: constants and random numbers, made where they are needed, with the bits of the CPU's
 * (rng_math.h).  One thread per Philox block. */
#include "kernels/cuda/cuda.cuh"

extern "C" {
#include "core/tensor/rng_math.h"
}

namespace {

using namespace gt;

template <typename T> GT_KERNEL k_constant(T *to, T value, int64_t n) {
  for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < n;
       i += (int64_t)gridDim.x * blockDim.x)
    to[i] = value;
}

/* Four standard normals, or four numbers of [0, 1). */
__device__ __forceinline__ void draw(const gt_filling &f, int64_t block, float x[4]) {
  uint32_t word[4];
  gt_philox(f.seed, f.stream, (uint64_t)block, word);
  if (f.distribution == GT_NORMAL) {
    gt_normal_pair(word[0], word[1], &x[0], &x[1]);
    gt_normal_pair(word[2], word[3], &x[2], &x[3]);
  } else {
    for (int k = 0; k < 4; k++) x[k] = gt_unit_f32(word[k]);
  }
}

__device__ __forceinline__ void draw_wide(const gt_filling &f, int64_t block, uint64_t word[2]) {
  uint32_t half[4];
  gt_philox(f.seed, f.stream, (uint64_t)block, half);
  for (int k = 0; k < 2; k++) word[k] = (uint64_t)half[2 * k + 1] << 32 | half[2 * k];
}

/* f32, halves and integers of a float distribution. */
GT_KERNEL k_reals(void *to, gt_dtype dtype, gt_filling f, int64_t n) {
  float low = (float)f.a, high = (float)f.b, width = (float)(f.b - f.a);
  for (int64_t b = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; 4 * b < n;
       b += (int64_t)gridDim.x * blockDim.x) {
    float x[4];
    draw(f, b, x);
    for (int k = 0; k < 4 && 4 * b + k < n; k++) {
      int64_t i = 4 * b + k;
      if (f.distribution == GT_NORMAL) {
        store_as<float>(to, dtype, i, fmaf(high, x[k], low)); /* b is the std, a the mean */
        continue;
      }
      store_as<float>(to, dtype, i, gt_below_f32(fmaf(width, x[k], low), low, high));
      if (dtype != GT_BF16 && dtype != GT_F16) continue;
      uint16_t *half = static_cast<uint16_t *>(to) + i;
      *half = gt_kept_inside(*half, dtype == GT_BF16, f.a, f.b);
    }
  }
}

GT_KERNEL k_normals_f64(double *to, gt_filling f, int64_t n) {
  for (int64_t b = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; 4 * b < n;
       b += (int64_t)gridDim.x * blockDim.x) {
    float x[4];
    draw(f, b, x);
    for (int k = 0; k < 4 && 4 * b + k < n; k++) to[4 * b + k] = fma(f.b, (double)x[k], f.a);
  }
}

GT_KERNEL k_uniform_f64(double *to, gt_filling f, int64_t n) {
  for (int64_t b = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; 2 * b < n;
       b += (int64_t)gridDim.x * blockDim.x) {
    uint64_t word[2];
    draw_wide(f, b, word);
    for (int k = 0; k < 2 && 2 * b + k < n; k++)
      to[2 * b + k] = gt_below_f64(fma(f.b - f.a, gt_unit_f64(word[k]), f.a), f.a, f.b);
  }
}

GT_KERNEL k_integers(void *to, gt_dtype dtype, gt_filling f, int64_t n) {
  for (int64_t b = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; 2 * b < n;
       b += (int64_t)gridDim.x * blockDim.x) {
    uint64_t word[2];
    draw_wide(f, b, word);
    for (int k = 0; k < 2 && 2 * b + k < n; k++)
      store_as<int64_t>(to, dtype, 2 * b + k, gt_in_range(word[k], f.low, f.range));
  }
}

template <typename T>
gt_status constant(gt_ctx *cx, const gt_backend *backend, void *to, int64_t n, const char *bytes) {
  T value;
  memcpy(&value, bytes, sizeof value);
  auto kernel = k_constant<T>;
  GT_LAUNCH(kernel, blocks_for(n), BLOCK, 0, stream(backend), static_cast<T *>(to), value, n);
  return launched(cx, backend, "fill");
}

gt_status constants(gt_ctx *cx, const gt_backend *backend, void *to, gt_dtype dtype, int64_t n,
                    const char *bytes) {
  switch (gt_dtype_size(dtype)) {
  case 1:
    return constant<uint8_t>(cx, backend, to, n, bytes);
  case 2:
    return constant<uint16_t>(cx, backend, to, n, bytes);
  case 4:
    return constant<uint32_t>(cx, backend, to, n, bytes);
  default:
    return constant<uint64_t>(cx, backend, to, n, bytes);
  }
}

} // namespace

gt_status gt::fill(gt_ctx *cx, const gt_backend *backend, void *to, gt_dtype dtype, int64_t n,
                   const gt_filling *filling) {
  const gt_filling &f = *filling;
  if (n == 0) return GT_OK;
  if (f.distribution == GT_CONSTANT) return constants(cx, backend, to, dtype, n, f.value);
  cudaStream_t on = stream(backend);
  if (f.distribution == GT_INTEGERS)
    GT_LAUNCH(k_integers, blocks_for((n + 1) / 2), BLOCK, 0, on, to, dtype, f, n);
  else if (dtype != GT_F64)
    GT_LAUNCH(k_reals, blocks_for((n + 3) / 4), BLOCK, 0, on, to, dtype, f, n);
  else if (f.distribution == GT_NORMAL)
    GT_LAUNCH(k_normals_f64, blocks_for((n + 3) / 4), BLOCK, 0, on, static_cast<double *>(to), f,
              n);
  else
    GT_LAUNCH(k_uniform_f64, blocks_for((n + 1) / 2), BLOCK, 0, on, static_cast<double *>(to), f,
              n);
  return launched(cx, backend, "fill");
}
