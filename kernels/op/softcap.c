/* softcap: y = cap tanh(x / cap), which keeps y within (-cap, cap).  dx = (1 - (y / cap)^2) dy. */
#ifndef real
#include "kernels/cpu/cpu.h"

enum { CAP };

typedef struct job {
  const void *y, *dy;
  void *dx;
  double cap;
  bool add;
} job;

#include "kernels/op/typed.h"

static gt_status infer(gt_call *c) {
  double cap = c->attr[CAP].f;
  if (!(cap > 0 && cap <= 1e30))
    return gt_fail(c->cx, GT_EARG, "softcap: expected a positive cap, got %g", cap);
  return gt_infer_real(c);
}

static gt_status forward(gt_call *c) { return gt_cpu_map(c, GT_PICK(c, row)); }

static gt_status backward(gt_call *c) {
  job j = {.y = gt_data(c->out[0]),
           .dy = gt_data(c->gout[0]),
           .dx = gt_data(c->gin[0]),
           .cap = c->attr[CAP].f,
           .add = c->accumulate[0]};
  gt_parallel(c->cx, gt_count(c->out[0]), GT_MAP_GRAIN, GT_PICK(c, backward_range), &j);
  return GT_OK;
}

static const gt_setting attrs[] = {
    {.name = "cap",
     .type = GT_SETTING_FLOAT,
     .preset = {.f = 15},
     .doc = "bound of the result",
     .instead = "cap * torch.tanh(x / cap)"},
};

const gt_op gt_op_softcap = {
    .name = "softcap",
    .doc = "cap * tanh(x / cap), elementwise",
    .inputs = "x",
    .where = "F",
    .nin = 1,
    .nout = 1,
    .compute = GT_REALS,
    .numeric = 1,
    .differentiable = 1,
    .save_out = 1,
    .elementwise = true,
    .attrs = attrs,
    .attr_count = GT_COUNT(attrs),
    .infer = infer,
    .forward = forward,
    .backward = backward,
};

#else

static void T(row)(int64_t n, const void *const *in, void *out, const gt_value *attr) {
  const real *x = in[0];
  real *y = out;
  real cap = (real)attr[CAP].f;
  GT_IVDEP for (int64_t i = 0; i < n; i++) y[i] = cap * T(gt_tanh)(x[i] / cap);
}

static void T(backward_range)(void *argument, int64_t begin, int64_t end) {
  const job *j = argument;
  const real *y = j->y, *dy = j->dy;
  real *dx = j->dx, cap = (real)j->cap;
  for (int64_t i = begin; i < end; i++) {
    real t = y[i] / cap;
    real d = (1 - t * t) * dy[i];
    dx[i] = j->add ? dx[i] + d : d;
  }
}

#endif
