/* functions.h: exp, tanh and sigmoid as branch-free polynomials that the compiler vectorises, in
 * f32; f64 is the C library's.  At most 2 ulp from the exact value; NaN, infinities and
 * subnormal results are handled.  No fused multiply-add, so every instruction set gives the same
 * bits. */
#ifndef GT_FUNCTIONS_H
#define GT_FUNCTIONS_H

#include <math.h>
#include <stdint.h>
#include <string.h>

static inline float gt_float_of_bits(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

static inline uint32_t gt_bits_of_float(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

/* e^x = 2^n e^r with n = round(x / ln 2), |r| <= ln 2 / 2; ln 2 is split in two so that n * high is
 * exact (Cody and Waite, 1980).  2^n goes in two factors: results below 2^-126 stay right. */
static inline float gt_exp_f32(float x) {
  const float shift = 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer */
  const float low = -104.0f, high = 89.0f;
  x = x < low ? low : x;
  x = x > high ? high : x;
  float shifted = x * 1.44269504f + shift;
  int32_t n = (int32_t)(gt_bits_of_float(shifted) - 0x4b400000u);
  float whole = shifted - shift;
  float r = (x - whole * 0.693359375f) - whole * -2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  float y = (p * (r * r) + r) + 1.0f;
  int32_t half = n >> 1;
  float first = gt_float_of_bits((uint32_t)(half + 127) << 23);
  float second = gt_float_of_bits((uint32_t)(n - half + 127) << 23);
  return y * first * second;
}

/* 1 / (1 + e^-x), by e^-|x| so that nothing overflows and small results keep their digits. */
static inline float gt_sigmoid_f32(float x) {
  float e = gt_exp_f32(-fabsf(x));
  return (x < 0 ? e : 1.0f) / (1.0f + e);
}

/* Near 0 an odd polynomial, elsewhere 1 - 2 / (e^2|x| + 1) with the sign of x. */
static inline float gt_tanh_f32(float x) {
  float size = fabsf(x), square = size * size;
  float p = -5.70498872745e-3f;
  p = p * square + 2.06390887954e-2f;
  p = p * square - 5.37397155531e-2f;
  p = p * square + 1.33314422036e-1f;
  p = p * square - 3.33332819422e-1f;
  float small = p * square * size + size;
  float large = 1.0f - 2.0f / (gt_exp_f32(2.0f * size) + 1.0f);
  return copysignf(size < 0.625f ? small : large, x);
}

static inline double gt_exp_f64(double x) { return exp(x); }
static inline double gt_tanh_f64(double x) { return tanh(x); }
static inline double gt_sigmoid_f64(double x) {
  double e = exp(-fabs(x));
  return (x < 0 ? e : 1) / (1 + e);
}

#endif
