/* cuda_bf16.h: bfloat16 on the emulated device; rounds to nearest even, as the hardware does. */
#ifndef GT_EMU_CUDA_BF16_H
#define GT_EMU_CUDA_BF16_H

#include <cstdint>
#include <cstring>

struct __nv_bfloat16 {
  uint16_t bits;
};

inline float __bfloat162float(__nv_bfloat16 h) {
  uint32_t u = (uint32_t)h.bits << 16;
  float x;
  std::memcpy(&x, &u, sizeof x);
  return x;
}

inline __nv_bfloat16 __float2bfloat16(float x) {
  uint32_t u;
  std::memcpy(&u, &x, sizeof u);
  if ((u & 0x7fffffffu) > 0x7f800000u) return {0x7fff};
  return {(uint16_t)((u + 0x7fffu + ((u >> 16) & 1u)) >> 16)};
}

#endif
