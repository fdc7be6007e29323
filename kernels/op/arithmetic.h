/* arithmetic.h: sizes, and the arithmetic of typed parts (typed.h) in the three compute types:
 * int64 wraps instead of overflowing.  Plain scalar functions, in C and in C++. */
#ifndef GT_ARITHMETIC_H
#define GT_ARITHMETIC_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

static inline int64_t gt_min(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t gt_max(int64_t a, int64_t b) { return a > b ? a : b; }
/* Parts of `length` that n elements make; the last may be shorter. */
static inline int64_t gt_parts(int64_t n, int64_t length) { return (n + length - 1) / length; }
static inline int64_t gt_round_up(int64_t n, int64_t multiple) {
  return gt_parts(n, multiple) * multiple;
}

static inline float gt_plus_f32(float a, float b) { return a + b; }
static inline double gt_plus_f64(double a, double b) { return a + b; }
static inline int64_t gt_plus_i64(int64_t a, int64_t b) {
  return (int64_t)((uint64_t)a + (uint64_t)b);
}
static inline float gt_minus_f32(float a, float b) { return a - b; }
static inline double gt_minus_f64(double a, double b) { return a - b; }
static inline int64_t gt_minus_i64(int64_t a, int64_t b) {
  return (int64_t)((uint64_t)a - (uint64_t)b);
}
static inline float gt_times_f32(float a, float b) { return a * b; }
static inline double gt_times_f64(double a, double b) { return a * b; }
static inline int64_t gt_times_i64(int64_t a, int64_t b) {
  return (int64_t)((uint64_t)a * (uint64_t)b);
}
static inline bool gt_isnan_f32(float x) { return x != x; }
static inline bool gt_isnan_f64(double x) { return x != x; }
static inline bool gt_isnan_i64(int64_t x) {
  (void)x;
  return false;
}

/* ceil, floor, rint (to nearest, halves to even), trunc. */
#define GT_WHOLE(name)                                                                             \
  static inline float gt_##name##_f32(float x) { return name##f(x); }                              \
  static inline double gt_##name##_f64(double x) { return name(x); }                               \
  static inline int64_t gt_##name##_i64(int64_t x) { return x; }
GT_WHOLE(ceil)
GT_WHOLE(floor)
GT_WHOLE(rint)
GT_WHOLE(trunc)
#undef GT_WHOLE

/* An attribute's number in the compute type; infinities become the ends of int64. */
static inline float gt_number_f32(double x) { return (float)x; }
static inline double gt_number_f64(double x) { return x; }
static inline int64_t gt_number_i64(double x) {
  return x >= 0x1p63 ? INT64_MAX : x <= -0x1p63 ? INT64_MIN : (int64_t)x;
}

#endif
