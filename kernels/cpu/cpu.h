/* cpu.h: what CPU kernels share: the elementwise driver, common shape rules, arithmetic that wraps
 * instead of overflowing.  Reductions are in reduce.h, gradient rules in rule.h. */
#ifndef GT_CPU_H
#define GT_CPU_H

#include "core/tensor/op.h"
#include "core/tensor/pool.h"
#include "kernels/cpu/functions.h"

#define GT_MAP_INPUTS 4
#define GT_MAP_GRAIN 8192 /* elements per parallel chunk of an elementwise op */

/* One row of an elementwise op: out[i] = f(in[0][i], in[1][i], ...) for i < n.  Everything is
 * contiguous; `out` may be the same memory as in[0], so loops say GT_IVDEP: iterations are
 * independent. */
typedef void (*gt_row)(int64_t n, const void *const *in, void *out, const gt_value *attr);

#define GT_IVDEP _Pragma("GCC ivdep")

/* Runs `row` over output 0.  The inputs (at most GT_MAP_INPUTS) may have any strides and any shape
 * that broadcasts to the output's; those that are not laid out like the output are gathered, and
 * numeric ones of another dtype converted, block by block into a buffer in the first-level cache.
 */
gt_status gt_cpu_map(gt_call *c, gt_row row);

/* The same for a comparison of two inputs, which are first rounded to their common dtype. */
gt_status gt_cpu_compare(gt_call *c, gt_row row);

/* The same for the gradient of input 0 from that input and output 0's gradient; row_added takes as
 * a third input what the gradient is added to. */
gt_status gt_cpu_map_gradient(gt_call *c, gt_row row, gt_row row_added);

/* True when an i64 tensor, contiguous, has a zero in it. */
bool gt_cpu_any_zero(const gt_tensor *t);

/* ---- shape rules ---- */

gt_status gt_infer_same(gt_call *c);            /* out like in[0] */
gt_status gt_infer_real(gt_call *c);            /* one input; integers and bool give f32 */
gt_status gt_infer_arithmetic(gt_call *c);      /* all inputs broadcast and promote */
gt_status gt_infer_arithmetic_real(gt_call *c); /* the same; integers and bool give f32 */
gt_status gt_infer_predicate(gt_call *c);       /* all inputs broadcast, result bool */
gt_status gt_infer_bits(gt_call *c);            /* all inputs broadcast and promote; no floats */
/* Refuses a single number as input i that output 0, whose dtype it is to take, cannot hold. */
gt_status gt_check_number(gt_call *c, int i);
/* Refuses a factor with a fraction when output 0 holds integers. */
gt_status gt_check_factor(gt_call *c, const char *name, double factor);

/* ---- the three compute types: arithmetic (int64 wraps) and the test for NaN ---- */

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
static inline bool gt_isnan_f32(float x) { return isnan(x); }
static inline bool gt_isnan_f64(double x) { return isnan(x); }
static inline bool gt_isnan_i64(int64_t x) {
  (void)x;
  return false;
}

#endif
