/* where: y = a where the condition holds, else b.  da = dy there, db = dy elsewhere. */
#ifndef real
enum { CONDITION, A, B };

#include "kernels/op/numbers.h"

static gt_status infer(gt_call *c) {
  gt_dtype dtype = c->in_spec[CONDITION].dtype;
  if (dtype != GT_BOOL) {
    return gt_fail(c->cx, GT_EDTYPE, "where: expected a bool condition, got %s",
                   gt_dtype_name(dtype));
  }
  GT_TRY(gt_out_broadcast(c, 0, CONDITION, B, gt_result_type(c, 1u << A | 1u << B)));
  GT_TRY(gt_check_number(c, A));
  return gt_check_number(c, B);
}

static gt_status forward(gt_call *c) { return gt_cpu_map(c, GT_PICK(c, loop)); }

static gt_status rule(gt_call *c) {
  gt_frame f = {.cx = c->cx};
  gt_tensor *g = c->gout[0], *condition = c->in[CONDITION], *zero = gt_number(&f, 0);
  if (c->want[A]) gt_give(&f, c, A, gt_op3(&f, "where", condition, g, zero));
  if (c->want[B]) gt_give(&f, c, B, gt_op3(&f, "where", condition, zero, g));
  return gt_frame_end(&f);
}

GT_ROW(where, 3, .doc = "a where condition holds, else b; broadcast", .inputs = "condition, a, b",
       .where = "torch", .numeric = 6, .differentiable = 6, .save_in = 1, .elementwise = false,
       .infer = infer, .forward = forward, .rule = rule);

#else
static void T(loop)(int64_t n, const void *const *in, void *out, const gt_value *attr) {
  const uint8_t *condition = (const uint8_t *)in[CONDITION];
  const real *a = (const real *)in[A], *b = (const real *)in[B];
  real *y = (real *)out;
  (void)attr;
  GT_IVDEP for (int64_t i = 0; i < n; i++) y[i] = condition[i] ? a[i] : b[i];
}
#endif
