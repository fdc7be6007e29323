/* test_emu.cu: the emulated device itself: barriers, shuffles, shared memory, block reductions,
 * bf16 rounding, memory that only kernels may touch. */
#include "kernels/cuda/cuda.cuh"

extern "C" {
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
}

#include <csignal>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace {

using namespace gt;

template <typename T>
std::vector<T> run(unsigned blocks, unsigned threads, int64_t n, void (*kernel)(T *, int64_t)) {
  void *device;
  assert_int_equal(cudaMalloc(&device, n * sizeof(T)), cudaSuccess);
  std::vector<T> host(n);
  cudaMemcpyAsync(device, host.data(), n * sizeof(T), cudaMemcpyHostToDevice, nullptr);
  GT_LAUNCH(kernel, blocks, threads, 0, nullptr, static_cast<T *>(device), n);
  cudaMemcpyAsync(host.data(), device, n * sizeof(T), cudaMemcpyDeviceToHost, nullptr);
  cudaFree(device);
  return host;
}

GT_KERNEL k_positions(int *out, int64_t n) {
  int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) out[i] = (int)(1000 * blockIdx.x + threadIdx.x);
}

void threads_know_their_place(void **) {
  std::vector<int> out = run<int>(3, 40, 120, k_positions);
  for (int i = 0; i < 120; i++) assert_int_equal(out[i], 1000 * (i / 40) + i % 40);
}

/* Each thread writes its slot and reads its mirror image: wrong without the barrier. */
GT_KERNEL k_mirror(int *out, int64_t n) {
  __shared__ int slot[64];
  slot[threadIdx.x] = (int)threadIdx.x;
  __syncthreads();
  out[threadIdx.x] = slot[n - 1 - threadIdx.x];
}

GT_KERNEL k_mirror_without_barrier(int *out, int64_t n) {
  __shared__ int slot[64];
  slot[threadIdx.x] = -1;
  __syncthreads();
  slot[threadIdx.x] = (int)threadIdx.x;
  out[threadIdx.x] = slot[n - 1 - threadIdx.x];
}

void a_barrier_orders_shared_memory(void **) {
  std::vector<int> out = run<int>(1, 64, 64, k_mirror);
  for (int i = 0; i < 64; i++) assert_int_equal(out[i], 63 - i);
}

void a_missing_barrier_shows(void **) {
  std::vector<int> out = run<int>(1, 64, 64, k_mirror_without_barrier);
  int wrong = 0;
  for (int i = 0; i < 64; i++) wrong += out[i] != 63 - i;
  assert_true(wrong > 0);
}

GT_KERNEL k_shuffles(int *out, int64_t) {
  int x = (int)threadIdx.x;
  out[3 * x] = __shfl_xor_sync(0xffffffffu, x, 5);
  out[3 * x + 1] = __shfl_down_sync(0xffffffffu, x, 3);
  out[3 * x + 2] = __shfl_sync(0xffffffffu, x, 7);
}

void shuffles_stay_within_a_warp(void **) {
  std::vector<int> out = run<int>(1, 64, 3 * 64, k_shuffles);
  for (int x = 0; x < 64; x++) {
    assert_int_equal(out[3 * x], x ^ 5);
    assert_int_equal(out[3 * x + 1], x % 32 + 3 < 32 ? x + 3 : x);
    assert_int_equal(out[3 * x + 2], x / 32 * 32 + 7);
  }
}

/* Threads of one block arrive at the reductions after different work, some after an early loop. */
GT_KERNEL k_reduce(double *out, int64_t n) {
  double mine = 0;
  for (int64_t i = threadIdx.x; i < n; i += BLOCK) mine += (double)(i + blockIdx.x);
  double sum = block_sum(mine), most = block_max(mine);
  double again = block_sum(threadIdx.x == 7 ? 1.0 : 0.0);
  if (threadIdx.x == 0) {
    out[3 * blockIdx.x] = sum;
    out[3 * blockIdx.x + 1] = most;
    out[3 * blockIdx.x + 2] = again;
  }
}

void block_reductions_see_every_thread(void **) {
  const int64_t n = 1001;
  void *device;
  cudaMalloc(&device, 6 * sizeof(double));
  GT_LAUNCH(k_reduce, 2, BLOCK, 0, nullptr, static_cast<double *>(device), n);
  double out[6];
  cudaMemcpyAsync(out, device, sizeof out, cudaMemcpyDeviceToHost, nullptr);
  cudaFree(device);
  for (int b = 0; b < 2; b++) {
    double sum = 0, most = 0;
    for (int t = 0; t < BLOCK; t++) {
      double mine = 0;
      for (int64_t i = t; i < n; i += BLOCK) mine += (double)(i + b);
      sum += mine;
      most = mine > most ? mine : most;
    }
    assert_true(out[3 * b] == sum && out[3 * b + 1] == most && out[3 * b + 2] == 1);
  }
}

void bf16_rounds_to_nearest_even(void **) {
  assert_int_equal(__float2bfloat16(1.00390625f).bits, 0x3f80); /* half way, down to even */
  assert_int_equal(__float2bfloat16(1.01171875f).bits, 0x3f82); /* half way, up to even */
  assert_int_equal(__float2bfloat16(1.00390637f).bits, 0x3f81); /* just above half way */
  assert_true(__bfloat162float(__float2bfloat16(-2.5f)) == -2.5f);
  float nan = __bfloat162float(__float2bfloat16(NAN));
  assert_true(nan != nan);
}

void the_host_cannot_follow_a_device_pointer(void **) {
  void *device;
  cudaMalloc(&device, 64);
  pid_t child = fork();
  if (child == 0) {
    std::signal(SIGSEGV, SIG_DFL);
    *static_cast<volatile int *>(device) = 1;
    _exit(0);
  }
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
  cudaFree(device);
}

} // namespace

int main() {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(threads_know_their_place),
      cmocka_unit_test(a_barrier_orders_shared_memory),
      cmocka_unit_test(a_missing_barrier_shows),
      cmocka_unit_test(shuffles_stay_within_a_warp),
      cmocka_unit_test(block_reductions_see_every_thread),
      cmocka_unit_test(bf16_rounds_to_nearest_even),
      cmocka_unit_test(the_host_cannot_follow_a_device_pointer),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
