/* elementwise.h: elementwise ops as rows.
 *
 *   / * relu: y = max(x, 0).  dx = dy where y > 0. * /
 *   #ifndef real
 *   #include "kernels/op/numbers.h"
 *   static gt_status rule(gt_call *c) { … }
 *   GT_UNARY(relu, .doc = "max(x, 0); NaN stays NaN", .save_out = 1, .rule = rule);
 *   #else
 *   static real T(value)(real x) { return x < 0 ? 0 : x; }
 *   #endif
 *
 * A row is the descriptor with the members that most such ops share; what it says itself comes last
 * and overrides them.  Its file includes not this header but the one that says what it computes in:
 *   reals.h     f32 and f64; integers and bool give f32
 *   numbers.h   also i64: integers stay integers
 *   bits.h      i64 only; floats are refused
 * The typed part (typed.h) holds scalar functions and nothing of the CPU: every device can make its
 * loops from them.  Those of the CPU are made here (where and masked_fill, which read a mask, have
 * their own). */
#ifndef GT_ELEMENTWISE_H
#define GT_ELEMENTWISE_H

#include "kernels/cpu/cpu.h"
#include "kernels/op/arithmetic.h"
#include "kernels/op/rule.h"
#include "kernels/op/shape.h"

#include <tgmath.h>

#include "kernels/op/typed.h"

/* ---- rows ---- */

/* y = T(value)(x), T(value)(a, b). */
#define GT_UNARY(op, ...) GT_ELEMENTWISE(op, 1, 0, __VA_ARGS__)
#define GT_BINARY(op, ...) GT_ELEMENTWISE(op, 2, 0, __VA_ARGS__)

/* y = T(value)(x), bool. */
#define GT_PREDICATE(op, ...)                                                                      \
  GT_UNARY(op, .infer = gt_infer_predicate, .differentiable = 0, .elementwise = false, __VA_ARGS__)

/* The same of a and b. */
#define GT_LOGICAL(op, ...)                                                                        \
  GT_BINARY(op, .infer = gt_infer_predicate, .differentiable = 0, __VA_ARGS__)

/* The same of a and b rounded to their common dtype. */
#define GT_COMPARISON(op, ...)                                                                     \
  GT_LOOPS(loop, value, 2, 0);                                                                     \
  static gt_status compare(gt_call *c) { return gt_cpu_compare(c, GT_PICK(c, loop)); }             \
  GT_ROW(op, 2, .infer = gt_infer_predicate, .differentiable = 0, .forward = compare, __VA_ARGS__)

/* y = T(value)(the inputs, then the first `numbers` attributes). */
#define GT_ELEMENTWISE(op, inputs, numbers, ...)                                                   \
  GT_LOOPS(loop, value, inputs, numbers);                                                          \
  GT_UNUSED static gt_status forward(gt_call *c) { return gt_cpu_map(c, GT_PICK(c, loop)); }       \
  GT_ROW(op, inputs, .forward = forward, __VA_ARGS__)

/* The descriptor alone, of an op with a forward of its own. */
#define GT_ROW(op, inputs_, ...)                                                                   \
  const gt_op gt_op_##op = {.name = #op,                                                           \
                            .inputs = GT_NAMES_##inputs_,                                          \
                            .where = "method",                                                     \
                            .nin = inputs_,                                                        \
                            .nout = 1,                                                             \
                            .compute = GT_ROW_COMPUTE,                                             \
                            .numeric = (1u << inputs_) - 1,                                        \
                            .strided = (1u << inputs_) - 1,                                        \
                            .any_dtype = true,                                                     \
                            .differentiable = (1u << inputs_) - 1,                                 \
                            .elementwise = true,                                                   \
                            .infer = GT_ROW_INFER_##inputs_,                                       \
                            __VA_ARGS__}

#define GT_NAMES_1 "x"
#define GT_NAMES_2 "a, b"
#define GT_NAMES_3 "x, a, b"

/* ---- the loops of the CPU ---- */

/* Defines loop_f32, … from T(value), one for each compute type. */
#define GT_LOOPS(loop, value, inputs, numbers) GT_EACH_TYPE(GT_LOOP, loop, value, inputs, numbers)

#define GT_LOOP(type, suffix, loop, value, inputs, numbers)                                        \
  GT_UNUSED static void loop##suffix(int64_t n, const void *const *in, void *out,                  \
                                     const gt_value *attr) {                                       \
    const type *x = (const type *)in[0], *a = (const type *)in[inputs > 1];                        \
    const type *b = (const type *)in[inputs > 2 ? 2 : 0];                                          \
    type *y = (type *)out;                                                                         \
    GT_READ_##numbers(type, suffix);                                                               \
    (void)a, (void)b;                                                                              \
    GT_IVDEP for (int64_t i = 0; i < n; i++) y[i] =                                                \
        value##suffix(GT_AT_##inputs GT_NUMBERS_##numbers);                                        \
  }

/* Defines `backward`: dx = T(slope)(x, numbers) dy, where x is the input if the op saves that, and
 * the output if it saves that. */
#define GT_BACKWARD(backward, slope, numbers)                                                      \
  GT_EACH_TYPE(GT_SLOPE_LOOPS, backward, slope, numbers);                                          \
  static gt_status backward(gt_call *c) {                                                          \
    return gt_cpu_map_gradient(c, GT_PICK(c, backward##_loop), GT_PICK(c, backward##_added));      \
  }                                                                                                \
  struct gt_op

#define GT_SLOPE_LOOPS(type, suffix, backward, slope, numbers)                                     \
  GT_SLOPE_LOOP(type, suffix, backward##_loop, slope, numbers, )                                   \
  GT_SLOPE_LOOP(type, suffix, backward##_added, slope, numbers, ((const type *)in[2])[i] +)

#define GT_SLOPE_LOOP(type, suffix, loop, slope, numbers, before)                                  \
  static void loop##suffix(int64_t n, const void *const *in, void *out, const gt_value *attr) {    \
    const type *x = (const type *)in[0], *dy = (const type *)in[1];                                \
    type *dx = (type *)out;                                                                        \
    GT_READ_##numbers(type, suffix);                                                               \
    GT_IVDEP for (int64_t i = 0; i < n; i++) dx[i] =                                               \
        before dy[i] * slope##suffix(x[i] GT_NUMBERS_##numbers);                                   \
  }

#define GT_UNUSED __attribute__((unused)) /* in a row that overrides what uses it */

#define GT_READ_0(type, suffix) (void)attr
#define GT_READ_1(type, suffix) const type p = gt_number##suffix(attr[0].f)
#define GT_READ_2(type, suffix) GT_READ_1(type, suffix), q = gt_number##suffix(attr[1].f)
#define GT_NUMBERS_0
#define GT_NUMBERS_1 , p
#define GT_NUMBERS_2 , p, q
#define GT_AT_1 x[i]
#define GT_AT_2 x[i], a[i]
#define GT_AT_3 x[i], a[i], b[i]

#endif
