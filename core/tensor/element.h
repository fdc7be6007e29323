/* element.h: one element of each dtype: what all conversions are made of, on the host, in the
 * vector loops of kernels/cpu and on a GPU, so that they give the same bits.  How a number converts
 * is said at gt_convert() (kernels/cpu/convert.h). */
#ifndef GT_ELEMENT_H
#define GT_ELEMENT_H

#include <stdint.h>
#include <string.h>

#ifdef __CUDACC__
#define GT_HD __host__ __device__
#else
#define GT_HD
#endif

static inline GT_HD float gt_from_bf16(uint16_t h) {
  uint32_t u = (uint32_t)h << 16;
  float x;
  memcpy(&x, &u, sizeof x);
  return x;
}

static inline GT_HD uint16_t gt_to_bf16(float x) {
  uint32_t u;
  memcpy(&u, &x, sizeof u);
  uint32_t rounded = (u + 0x7fffu + ((u >> 16) & 1u)) >> 16;
  return (uint16_t)((u & 0x7fffffffu) > 0x7f800000u ? (u >> 16) | 0x40u
                                                    : rounded); /* NaN stays NaN */
}

static inline GT_HD float gt_from_f16(uint16_t h) {
  uint32_t sign = (uint32_t)(h & 0x8000u) << 16, magnitude = h & 0x7fffu, u;
  float x;
  if (magnitude < 0x0400u) { /* zero and subnormals: multiples of 2^-24 */
    x = (float)magnitude * 0x1p-24f;
    memcpy(&u, &x, sizeof u);
    u |= sign;
  } else if (magnitude < 0x7c00u) {
    u = sign | ((magnitude << 13) + ((127u - 15u) << 23));
  } else { /* infinity, or a NaN made quiet */
    u = sign | 0x7f800000u | (magnitude & 0x3ffu) << 13 | (magnitude > 0x7c00u ? 0x400000u : 0u);
  }
  memcpy(&x, &u, sizeof x);
  return x;
}

static inline GT_HD uint16_t gt_to_f16(float x) {
  uint32_t u;
  memcpy(&u, &x, sizeof u);
  uint16_t sign = (uint16_t)((u >> 16) & 0x8000u);
  uint32_t magnitude = u & 0x7fffffffu;
  if (magnitude > 0x7f800000u)
    return (uint16_t)(sign | 0x7e00u | ((magnitude >> 13) & 0x3ffu)); /* NaN */
  if (magnitude >= 0x477ff000u)
    return (uint16_t)(sign | 0x7c00u); /* rounds to 65536 or more: infinity */
  if (magnitude < 0x38800000u) {       /* below 2^-14: adding 0.5 rounds to a multiple of 2^-24 */
    float y;
    memcpy(&y, &magnitude, sizeof y);
    y += 0.5f;
    memcpy(&u, &y, sizeof u);
    return (uint16_t)(sign | (u - 0x3f000000u));
  }
  magnitude += 0xfffu + ((magnitude >> 13) & 1u);
  return (uint16_t)(sign | ((magnitude >> 13) - ((127u - 15u) << 10)));
}

/* Towards zero; the lowest number for NaN and for what lies out of range. */
static inline GT_HD int64_t gt_truncated(double x) {
  return x >= -0x1p63 && x < 0x1p63 ? (int64_t)x : INT64_MIN;
}

static inline GT_HD int64_t gt_truncated_i32(double x) {
  return x > -2147483649.0 && x < 2147483648.0 ? (int64_t)x : INT32_MIN;
}

#endif
