/* rng_math.h: random words, and from them to numbers, in arithmetic that gives the same bits
 * everywhere.
 *
 * f32 and halves: element i is made from word i % 4 of block i / 4 (normals: of the pair of words
 * it belongs to); halves round the f32 draw, uniform ones to within their interval.  f64 normals
 * are the f32 draw widened, then scaled in f64.  f64 uniforms and integers take two words: block i
 * / 2.
 *
 * Only correctly rounded operations are used: integer ones, conversions, multiplication, explicit
 * fused multiply-add and square root, so scalar, vector and CUDA builds agree bit for bit (no
 * libm, no contraction; nvcc must keep its default -prec-sqrt=true).
 * Normals: Box and Muller, "A note on the generation of random normal deviates", 1958. */
#ifndef GT_RNG_MATH_H
#define GT_RNG_MATH_H

#include "core/tensor/element.h"

#include <math.h>
#include <stdbool.h>

/* Block b of a stream: counter = (b low, b high, stream low, stream high), key = (seed low, seed
 * high). */
static inline GT_HD void gt_philox(uint64_t seed, uint64_t stream, uint64_t block,
                                   uint32_t out[4]) {
  uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
  uint32_t c0 = (uint32_t)block, c1 = (uint32_t)(block >> 32), c2 = (uint32_t)stream,
           c3 = (uint32_t)(stream >> 32);
  for (int round = 0; round < 10; round++) {
    uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
    c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
    c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
    c1 = (uint32_t)p1;
    c3 = (uint32_t)p0;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
}

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

/* What rounding took out of [low, high) at the upper end comes back in. */
static inline GT_HD float gt_below_f32(float value, float low, float high) {
  return value < high ? value : nextafterf(high, low);
}
static inline GT_HD double gt_below_f64(double value, double low, double high) {
  return value < high ? value : nextafter(high, low);
}

/* The half x of [low, high): one that was rounded out of it moves to its neighbour inside, if there
 * is one. */
static inline GT_HD uint16_t gt_kept_inside(uint16_t x, bool bf16, double low, double high) {
  float value = bf16 ? gt_from_bf16(x) : gt_from_f16(x);
  bool above = value >= high && low < high;
  if (!above && value >= low) return x;
  /* Bits count away from zero; below zero itself lies the smallest negative number. */
  uint16_t next = (uint16_t)((x & 0x8000u ? !above : above) ? x - 1 : x + 1);
  if (value == 0) next = above ? 0x8001u : 0x0001u;
  float moved = bf16 ? gt_from_bf16(next) : gt_from_f16(next);
  return moved >= low && moved < high ? next : x;
}

/* low … low + range - 1, by multiplication and shift (Lemire 2019); the bias, below range / 2^64,
 * is not corrected. */
static inline GT_HD int64_t gt_in_range(uint64_t word, int64_t low, uint64_t range) {
  return (int64_t)((uint64_t)low + (uint64_t)((unsigned __int128)word * range >> 64));
}

#endif
