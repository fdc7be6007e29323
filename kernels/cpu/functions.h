/* functions.h: the transcendental functions of f32 as branch-free polynomials that the compiler
 * vectorises; f64 is the C library's.  At most 2.3 ulp from the exact value (one in 97 of all
 * arguments was tried); NaN, infinities and subnormal numbers are handled.  Coefficients are
 * minimax fits. */
#ifndef GT_FUNCTIONS_H
#define GT_FUNCTIONS_H

#include "core/tensor/rng_math.h"

#include <math.h>
#include <stdbool.h>
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

/* a b + c, rounded once where the machine can. */
static inline float gt_mad(float a, float b, float c) {
#ifdef __FMA__
  return fmaf(a, b, c);
#else
  return a * b + c;
#endif
}

/* e^x = 2^n e^r with n = round(x / ln 2), |r| <= ln 2 / 2; ln 2 is split in two so that n * high is
 * exact (Cody and Waite, 1980).  2^n goes in two factors: results below 2^-126 stay right. */
static inline float gt_exp_f32(float x) {
  const float shift = 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer */
  const float low = -104.0f, high = 89.0f;
  x = x < low ? low : x;
  x = x > high ? high : x;
  float shifted = gt_mad(x, 1.44269504f, shift);
  int32_t n = (int32_t)(gt_bits_of_float(shifted) - 0x4b400000u);
  float whole = shifted - shift;
  float r = gt_mad(whole, 2.12194440e-4f, gt_mad(whole, -0.693359375f, x));
  float p = 1.9875691500e-4f;
  p = gt_mad(p, r, 1.3981999507e-3f);
  p = gt_mad(p, r, 8.3334519073e-3f);
  p = gt_mad(p, r, 4.1665795894e-2f);
  p = gt_mad(p, r, 1.6666665459e-1f);
  p = gt_mad(p, r, 5.0000001201e-1f);
  float y = gt_mad(p, r * r, r) + 1.0f;
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
  p = gt_mad(p, square, 2.06390887954e-2f);
  p = gt_mad(p, square, -5.37397155531e-2f);
  p = gt_mad(p, square, 1.33314422036e-1f);
  p = gt_mad(p, square, -3.33332819422e-1f);
  float small = gt_mad(p * square, size, size);
  float large = 1.0f - 2.0f / (gt_exp_f32(2.0f * size) + 1.0f);
  return copysignf(size < 0.625f ? small : large, x);
}

/* Near 0 an odd polynomial, elsewhere 1 - e^-q with q(|x|) = -ln erfc; 1 beyond 4. */
static inline float gt_erf_f32(float x) {
  float size = fabsf(x), square = size * size;
  float p = -6.01339329e-4f;
  p = gt_mad(p, square, 4.99800034e-3f);
  p = gt_mad(p, square, -2.67702304e-2f);
  p = gt_mad(p, square, 1.12819269e-1f);
  p = gt_mad(p, square, -3.76125067e-1f);
  p = gt_mad(p, square, 1.28379151e-1f);
  float small = gt_mad(p, size, size);
  float q = -1.95720670e-4f;
  q = gt_mad(q, size, 3.04109277e-3f);
  q = gt_mad(q, size, -2.22184509e-2f);
  q = gt_mad(q, size, 1.03914022e-1f);
  q = gt_mad(q, size, 6.37202263e-1f);
  q = gt_mad(q, size, 1.12766373e0f);
  q = gt_mad(q, size, 1.98555063e-4f);
  float large = size > 4.0f ? 1.0f : 1.0f - gt_exp_f32(-q);
  return copysignf(size < 0.921875f ? small : large, x);
}

/* P(x), the normal distribution function, and *bell = e^(-x^2/2): P(-a) = e^(-a^2/2) t p(t) with
 * t = 1 / (1 + 0.21 a), a >= 0 (after Hastings, Approximations for Digital Computers, 1955), so
 * that P keeps its digits where it is small: the relative error is that of x^2/2, 2^-25 x^2. */
static inline float gt_normal_f32(float x, float *bell) {
  float t = 1.0f / gt_mad(0.21f, fabsf(x), 1.0f), e = gt_exp_f32(-0.5f * x * x);
  float p = -7.16562569e-2f;
  p = gt_mad(p, t, 2.83588290e-1f);
  p = gt_mad(p, t, -3.30252737e-1f);
  p = gt_mad(p, t, 3.49400222e-1f);
  p = gt_mad(p, t, -9.39246416e-2f);
  p = gt_mad(p, t, 1.24872476e-1f);
  p = gt_mad(p, t, 6.91922382e-2f);
  p = gt_mad(p, t, 8.50688517e-2f);
  p = gt_mad(p, t, 8.37115794e-2f);
  float q = e * t * p;
  *bell = e;
  return x > 0 ? 1.0f - q : q;
}

static inline float gt_log_f32(float x) {
  bool tiny = x < 0x1p-126f;
  float y = gt_log_unit(tiny ? x * 0x1p23f : x) - (tiny ? 15.9423847f : 0.0f);
  y = x > 0 ? y : x == 0 ? -INFINITY : NAN;
  return x < INFINITY ? y : x;
}

#define GT_CIRCLE_LIMIT 8192.0f /* |x| up to which gt_sin_f32 and gt_cos_f32 are good */
#define GT_CIRCLE_BLOCK 64

/* sin(x + turn pi/2): the nearest multiple of pi/2 is taken off in four parts, of which the first
 * three are so short that their products are exact. */
static inline float gt_circle_f32(float x, uint32_t turn) {
  const float shift = 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer */
  float shifted = x * 0.636619772f + shift, whole = shifted - shift;
  uint32_t quarter = gt_bits_of_float(shifted) + turn;
  float r = ((x - whole * 0x1.92p0f) - whole * 0x1.fb4p-12f) - whole * 0x1.444p-24f;
  r = r - whole * 0x1.68c234p-39f;
  float square = r * r;
  float s = -1.95202374e-4f;
  s = s * square + 8.33220500e-3f;
  s = s * square - 1.66666552e-1f;
  float sine = s * square * r + r;
  float c = 2.44394832e-5f;
  c = c * square - 1.38873782e-3f;
  c = c * square + 4.16666456e-2f;
  float cosine = c * square * square + (1.0f - 0.5f * square);
  float y = quarter & 1 ? cosine : sine;
  return quarter & 2 ? -y : y;
}

static inline float gt_sin_f32(float x) { return x == 0 ? x : gt_circle_f32(x, 0); }
static inline float gt_cos_f32(float x) { return gt_circle_f32(x, 1); }

/* y = near(x) where |x| <= GT_CIRCLE_LIMIT, far(x) elsewhere; y may be x.  Which one is used
 * depends on the element alone, so that a slice of a tensor has the bits of the whole. */
static inline __attribute__((always_inline)) void
gt_circle_row_f32(int64_t n, const float *x, float *y, float (*near)(float), float (*far)(float)) {
  for (int64_t i = 0; i < n; i += GT_CIRCLE_BLOCK) {
    int count = (int)(n - i < GT_CIRCLE_BLOCK ? n - i : GT_CIRCLE_BLOCK), outside = 0;
    float block[GT_CIRCLE_BLOCK];
    memcpy(block, x + i, (size_t)count * sizeof *block);
    for (int j = 0; j < count; j++) {
      outside |= fabsf(block[j]) > GT_CIRCLE_LIMIT;
      y[i + j] = near(block[j]);
    }
    for (int j = 0; outside && j < count; j++) {
      if (fabsf(block[j]) > GT_CIRCLE_LIMIT) y[i + j] = far(block[j]);
    }
  }
}

static inline double gt_exp_f64(double x) { return exp(x); }
static inline double gt_tanh_f64(double x) { return tanh(x); }
static inline double gt_erf_f64(double x) { return erf(x); }
static inline double gt_normal_f64(double x, double *bell) {
  *bell = exp(-0.5 * x * x);
  return 0.5 * erfc(-0.70710678118654752 * x);
}
static inline double gt_log_f64(double x) { return log(x); }
static inline double gt_sigmoid_f64(double x) {
  double e = exp(-fabs(x));
  return (x < 0 ? e : 1) / (1 + e);
}

#endif
