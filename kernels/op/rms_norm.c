/* rms_norm: y = x / sqrt(mean(x^2) + eps) * weight over the last axis; row formulas in rms.h.
 * dweight = the sum over rows of r x dy. */
#ifndef real
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/pieces.h"
#include "kernels/cpu/rms.h"

enum { EPS };

typedef struct job {
  int64_t rows, columns;
  double eps;
  const void *x, *w, *dy;
  void *y, *dx;
  bool add_dx;
  gt_pieces dw;
} job;

#include "kernels/op/typed.h"

static gt_status infer(gt_call *c) {
  char got[GT_SHAPE_TEXT], of[GT_SHAPE_TEXT];
  const gt_spec *x = &c->in_spec[0], *w = &c->in_spec[1];
  if (!gt_dtype_is_float(x->dtype))
    return gt_fail(c->cx, GT_EDTYPE, "rms_norm: expected a floating-point x, got %s",
                   gt_dtype_name(x->dtype));
  if (x->ndim == 0)
    return gt_fail(c->cx, GT_ESHAPE, "rms_norm: expected x with at least 1 dimension, got ()");
  if (c->in[1] != NULL && (w->ndim != 1 || w->shape[0] != x->shape[x->ndim - 1]))
    return gt_fail(c->cx, GT_ESHAPE,
                   "rms_norm: expected a weight as long as the last dimension of x %s, got %s",
                   gt_shape_text(x, of), gt_shape_text(w, got));
  return gt_out_like(c, 0, 0);
}

static job job_of(const gt_call *c) {
  const gt_spec *x = &c->in_spec[0];
  int64_t columns = x->shape[x->ndim - 1];
  return (job){.rows = columns == 0 ? 0 : gt_spec_count(x) / columns,
               .columns = columns,
               .eps = gt_rms_eps(c, EPS),
               .x = gt_data(c->in[0]),
               .w = c->in[1] == NULL ? NULL : gt_data(c->in[1])};
}

static gt_status forward(gt_call *c) {
  job j = job_of(c);
  j.y = gt_data(c->out[0]);
  gt_parallel(c->cx, j.rows, gt_piece_rows(j.columns), GT_PICK(c, forward_rows), &j);
  return GT_OK;
}

static gt_status backward(gt_call *c) {
  job j = job_of(c);
  j.dy = gt_data(c->gout[0]);
  if (c->gin[0] != NULL) j.dx = gt_data(c->gin[0]);
  j.add_dx = c->accumulate[0];
  GT_TRY(gt_pieces_init(c, 1, j.rows, j.columns, &j.dw));
  gt_parallel(c->cx, j.rows, j.dw.rows, GT_PICK(c, backward_rows), &j);
  gt_sum_pieces(c, &j.dw);
  return GT_OK;
}

static const gt_setting attrs[] = {
    {.name = "eps",
     .type = GT_SETTING_FLOAT,
     .doc = "added to the mean square; if not given the machine epsilon: 1.1920929e-07, for f64 "
            "2.220446049250313e-16"},
};

const gt_op gt_op_rms_norm = {
    .name = "rms_norm",
    .doc = "x / sqrt(mean(x^2) + eps) * weight over the last dimension",
    .inputs = "x, weight?",
    .where = "F",
    .nin = 2,
    .nout = 1,
    .compute = GT_REALS,
    .numeric = 3,
    .differentiable = 3,
    .save_in = 3,
    .attrs = attrs,
    .attr_count = GT_COUNT(attrs),
    .infer = infer,
    .forward = forward,
    .backward = backward,
};

#else

static void T(forward_rows)(void *argument, int64_t begin, int64_t end) {
  const job *j = argument;
  for (int64_t row = begin; row < end; row++) {
    int64_t at = row * j->columns;
    T(gt_rms_row)((const real *)j->x + at, j->w, j->columns, j->eps, (real *)j->y + at);
  }
}

static void T(backward_rows)(void *argument, int64_t begin, int64_t end) {
  const job *j = argument;
  int64_t n = j->columns;
  real *sum = T(gt_piece_open)(&j->dw, begin);
  for (int64_t row = begin; row < end; row++) {
    const real *x = (const real *)j->x + row * n, *dy = (const real *)j->dy + row * n;
    real r;
    if (j->dx != NULL)
      r = T(gt_rms_row_backward)(x, j->w, dy, n, j->eps, j->add_dx, (real *)j->dx + row * n);
    else
      r = T(gt_rms_scale)(x, n, j->eps);
    if (sum == NULL) continue;
    for (int64_t i = 0; i < n; i++) sum[i] += x[i] * r * dy[i];
  }
}

#endif
