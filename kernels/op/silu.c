/* silu: y = x s, s = sigmoid(x).  dx = s (1 + x (1 - s)) dy. */
#ifndef real
#include "kernels/cpu/cpu.h"

#include "kernels/op/typed.h"

static gt_status forward(gt_call *c) { return gt_cpu_map(c, GT_PICK(c, row)); }

static gt_status backward(gt_call *c) {
  return gt_cpu_map_gradient(c, GT_PICK(c, slopes), GT_PICK(c, slopes_added));
}

const gt_op gt_op_silu = {
    .name = "silu",
    .doc = "x sigmoid(x)",
    .inputs = "x",
    .where = "F method",
    .nin = 1,
    .nout = 1,
    .compute = GT_REALS,
    .numeric = 1,
    .strided = 1,
    .any_dtype = true,
    .differentiable = 1,
    .save_in = 1,
    .elementwise = true,
    .infer = gt_infer_real,
    .forward = forward,
    .backward = backward,
};

#else
static real T(value)(real x) { return x * T(gt_sigmoid)(x); }
#include "kernels/op/row1.h"

/* d silu(x) / dx */
static real T(slope)(real x) {
  real s = T(gt_sigmoid)(x);
  return s * (x * (1 - s) + 1);
}

static void T(slopes)(int64_t n, const void *const *in, void *out, const gt_value *attr) {
  const real *x = in[0], *dy = in[1];
  real *dx = out;
  (void)attr;
  GT_IVDEP for (int64_t i = 0; i < n; i++) dx[i] = dy[i] * T(slope)(x[i]);
}

static void T(slopes_added)(int64_t n, const void *const *in, void *out, const gt_value *attr) {
  const real *x = in[0], *dy = in[1], *before = in[2];
  real *dx = out;
  (void)attr;
  GT_IVDEP for (int64_t i = 0; i < n; i++) dx[i] = before[i] + dy[i] * T(slope)(x[i]);
}
#endif
