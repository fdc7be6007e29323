/* rng_math.h: from random words to numbers, in arithmetic that gives the same bits everywhere.
 *
 * Only correctly rounded operations are used: integer ones, conversions, multiplication, explicit
 * fused multiply-add and square root, so scalar, vector and CUDA builds agree bit for bit (no
 * libm, no contraction; nvcc must keep its default -prec-sqrt=true).
 * Normals: Box and Muller, "A note on the generation of random normal deviates", 1958. */
#ifndef GT_RNG_MATH_H
#define GT_RNG_MATH_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#ifdef __CUDACC__
#define GT_HD __host__ __device__
#else
#define GT_HD
#endif

/* ln(u) for u in [2^-33, 1]: u = 2^e m with m in [sqrt(1/2), sqrt(2)), ln m = ln(1 + f) by a
 * minimax polynomial (relative error 6e-9 before rounding). */
static inline GT_HD float gt_log_unit(float u) {
  uint32_t bits;
  memcpy(&bits, &u, sizeof bits);
  int32_t e = (int32_t)(bits - 0x3f3504f3u) >> 23;
  bits -= (uint32_t)e << 23;
  float m;
  memcpy(&m, &bits, sizeof m);
  float f = m - 1.0f, power = (float)e;
  float p = -0.0763434395f;
  p = fmaf(p, f, 0.127615154f);
  p = fmaf(p, f, -0.131602108f);
  p = fmaf(p, f, 0.142017677f);
  p = fmaf(p, f, -0.166233554f);
  p = fmaf(p, f, 0.200012267f);
  p = fmaf(p, f, -0.250008225f);
  p = fmaf(p, f, 0.333333313f);
  float square = f * f;
  float tail = fmaf(square * f, p, square * -0.5f);
  tail = fmaf(power, -2.12194440e-4f, tail); /* ln 2 in two parts; the first is short: exact */
  return fmaf(power, 0.693359375f, tail + f);
}

/* cos and sin of 2 pi x / 2^32.  The nearest quarter turn comes off in integers, exactly. */
static inline GT_HD void gt_turn(uint32_t x, float *cosine, float *sine) {
  uint32_t quarter = (x + 0x20000000u) >> 30;
  float f = (float)(int32_t)(x << 2) * 0x1p-32f; /* in quarter turns, -1/2 … 1/2 */
  float g = f * f;
  float s = -0.00460165786f;
  s = fmaf(s, g, 0.079680033f);
  s = fmaf(s, g, -0.64596349f);
  s = fmaf(s, g, 1.57079637f) * f;
  float c = 0.000903766486f;
  c = fmaf(c, g, -0.0208601654f);
  c = fmaf(c, g, 0.253669232f);
  c = fmaf(c, g, -1.23370051f);
  c = fmaf(c, g, 1.0f);
  uint32_t s_bits, c_bits;
  memcpy(&s_bits, &s, sizeof s_bits);
  memcpy(&c_bits, &c, sizeof c_bits);
  uint32_t swap = 0u - (quarter & 1u), change = (s_bits ^ c_bits) & swap;
  c_bits ^= change ^ ((quarter + 1u) & 2u) << 30;
  s_bits ^= change ^ (quarter & 2u) << 30;
  memcpy(cosine, &c_bits, sizeof c_bits);
  memcpy(sine, &s_bits, sizeof s_bits);
}

/* Two independent standard normals from two random words; at most 6.77 from zero. */
static inline GT_HD void gt_normal_pair(uint32_t x, uint32_t y, float *first, float *second) {
  float u = fmaf((float)x, 0x1p-32f, 0x1p-33f), cosine, sine;
  float radius = sqrtf(-2.0f * gt_log_unit(u));
  gt_turn(y, &cosine, &sine);
  *first = radius * cosine;
  *second = radius * sine;
}

/* [0, 1) in steps of 2^-24. */
static inline GT_HD float gt_unit_f32(uint32_t x) { return (float)(x >> 8) * 0x1p-24f; }

/* [0, 1) in steps of 2^-53. */
static inline GT_HD double gt_unit_f64(uint64_t x) { return (double)(x >> 11) * 0x1p-53; }

#endif
