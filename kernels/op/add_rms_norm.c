/* add_rms_norm: sum = x + residual, y = rms_norm(sum) * weight: the residual addition and the
 * normalisation that follows it, in one pass over memory.  Row formulas in rms.h.
 * d = rms_norm's gradient for dy, plus dsum; it is the gradient of x and of residual. */
#ifndef real
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/rms.h"

enum { EPS };
enum { GRAIN = 16384 }; /* elements per chunk */

typedef struct job {
  int64_t columns;
  double eps;
  const void *x, *residual, *dy, *dsum; /* dy or dsum may be NULL */
  void *y, *sum;
  void *dx, *dresidual; /* either may be NULL */
  bool add_dx, add_dresidual;
  void *rows; /* (threads, columns) */
} job;

#include "kernels/op/typed.h"

static gt_status infer(gt_call *c) {
  const gt_spec *x = &c->in_spec[0], *residual = &c->in_spec[1];
  char x_text[GT_SHAPE_TEXT], residual_text[GT_SHAPE_TEXT];
  if (!gt_dtype_is_float(x->dtype) || !gt_dtype_is_float(residual->dtype))
    return gt_fail(c->cx, GT_EDTYPE, "add_rms_norm: expected floating-point tensors, got %s and %s",
                   gt_dtype_name(x->dtype), gt_dtype_name(residual->dtype));
  if (x->ndim == 0 || !gt_same_shape(x, residual))
    return gt_fail(c->cx, GT_ESHAPE,
                   "add_rms_norm: expected x and residual of one shape, got %s and %s",
                   gt_shape_text(x, x_text), gt_shape_text(residual, residual_text));
  gt_dtype dtype = gt_result_type(c, 3);
  GT_TRY(gt_out_spec(c, 0, dtype, x->ndim, x->shape));
  return gt_out_spec(c, 1, dtype, x->ndim, x->shape);
}

static int64_t rows_of(const gt_call *c, job *j) {
  const gt_spec *x = &c->in_spec[0];
  j->columns = x->shape[x->ndim - 1];
  j->eps = gt_rms_eps(c, EPS);
  return j->columns == 0 ? 0 : gt_spec_count(x) / j->columns;
}

static gt_status forward(gt_call *c) {
  job j = {.x = gt_data(c->in[0]),
           .residual = gt_data(c->in[1]),
           .y = gt_data(c->out[0]),
           .sum = gt_data(c->out[1])};
  int64_t rows = rows_of(c, &j);
  gt_parallel(c->cx, rows, 1 + GRAIN / (j.columns + 1), GT_PICK(c, forward_rows), &j);
  return GT_OK;
}

static gt_status backward(gt_call *c) {
  job j = {.sum = gt_data(c->out[1]),
           .dy = c->gout[0] != NULL ? gt_data(c->gout[0]) : NULL,
           .dsum = c->gout[1] != NULL ? gt_data(c->gout[1]) : NULL,
           .dx = c->gin[0] != NULL ? gt_data(c->gin[0]) : NULL,
           .dresidual = c->gin[1] != NULL ? gt_data(c->gin[1]) : NULL,
           .add_dx = c->accumulate[0],
           .add_dresidual = c->accumulate[1]};
  int64_t rows = rows_of(c, &j);
  size_t bytes = (size_t)(gt_pool_threads(c->cx) * j.columns) * gt_dtype_size(c->dtype);
  GT_TRY(gt_scratch(c->cx, c->device, bytes, &j.rows));
  gt_parallel(c->cx, rows, 1 + GRAIN / (j.columns + 1), GT_PICK(c, backward_rows), &j);
  return GT_OK;
}

static const gt_setting attrs[] = {
    {.name = "eps",
     .type = GT_SETTING_FLOAT,
     .doc = "added to the mean square; if not given the machine epsilon, as in rms_norm"},
};

const gt_op gt_op_add_rms_norm = {
    .name = "add_rms_norm",
    .doc = "two results: rms_norm(x + residual) over the last dimension, and x + residual",
    .inputs = "x, residual",
    .where = "F",
    .nin = 2,
    .nout = 2,
    .compute = GT_REALS,
    .numeric = 3,
    .differentiable = 3,
    .save_out = 2,
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
    const real *x = (const real *)j->x + at, *residual = (const real *)j->residual + at;
    real *sum = (real *)j->sum + at;
    for (int64_t i = 0; i < j->columns; i++) sum[i] = x[i] + residual[i];
    T(gt_rms_row)(sum, NULL, j->columns, j->eps, (real *)j->y + at);
  }
}

static void T(store)(const real *d, real *to, int64_t n, bool add) {
  for (int64_t i = 0; i < n; i++) to[i] = add ? to[i] + d[i] : d[i];
}

static void T(backward_rows)(void *argument, int64_t begin, int64_t end) {
  const job *j = argument;
  int64_t n = j->columns;
  real *d = (real *)j->rows + gt_worker() * n;
  for (int64_t row = begin; row < end; row++) {
    int64_t at = row * n;
    if (j->dsum != NULL)
      memcpy(d, (const real *)j->dsum + at, (size_t)n * sizeof(real));
    else
      memset(d, 0, (size_t)n * sizeof(real));
    if (j->dy != NULL) {
      const real *sum = (const real *)j->sum + at, *dy = (const real *)j->dy + at;
      T(gt_rms_row_backward)(sum, NULL, dy, n, j->eps, true, d);
    }
    if (j->dx != NULL) T(store)(d, (real *)j->dx + at, n, j->add_dx);
    if (j->dresidual != NULL) T(store)(d, (real *)j->dresidual + at, n, j->add_dresidual);
  }
}

#endif
