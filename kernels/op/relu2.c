/* relu2: y = max(x, 0)^2.  dx = 2 max(x, 0) dy.  (So et al., Primer, 2021.)  NaN stays NaN. */
#ifndef real
#include "kernels/cpu/cpu.h"

typedef struct job {
  const void *x, *dy;
  void *dx;
  bool add;
} job;

#include "kernels/op/typed.h"

static gt_status forward(gt_call *c) { return gt_cpu_map(c, GT_PICK(c, row)); }

static gt_status backward(gt_call *c) {
  job j = {gt_data(c->in[0]), gt_data(c->gout[0]), gt_data(c->gin[0]), c->accumulate[0]};
  gt_parallel(c->cx, gt_count(c->in[0]), GT_MAP_GRAIN, GT_PICK(c, backward_range), &j);
  return GT_OK;
}

const gt_op gt_op_relu2 = {
    .name = "relu2",
    .doc = "max(x, 0)^2, elementwise",
    .inputs = "x",
    .where = "F",
    .nin = 1,
    .nout = 1,
    .compute = GT_REALS,
    .numeric = 1,
    .differentiable = 1,
    .save_in = 1,
    .elementwise = true,
    .infer = gt_infer_real,
    .forward = forward,
    .backward = backward,
};

#else

static void T(row)(int64_t n, const void *const *in, void *out, const gt_value *attr) {
  const real *x = in[0];
  real *y = out;
  (void)attr;
  GT_IVDEP for (int64_t i = 0; i < n; i++) {
    real r = x[i] < 0 ? 0 : x[i];
    y[i] = r * r;
  }
}

static void T(backward_range)(void *argument, int64_t begin, int64_t end) {
  const job *j = argument;
  const real *x = j->x, *dy = j->dy;
  real *dx = j->dx;
  for (int64_t i = begin; i < end; i++) {
    real d = 2 * (x[i] < 0 ? 0 : x[i]) * dy[i];
    dx[i] = j->add ? dx[i] + d : d;
  }
}

#endif
