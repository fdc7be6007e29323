/* rms_norm: y = x / sqrt(mean(x^2) + eps) * weight over the last axis; row formulas in rms.h.
 * dweight = the sum over rows of r x dy, added per chunk of rows and then chunk by chunk. */
#ifndef real
#include "kernels/cpu.h"
#include "kernels/rms.h"

enum { EPS };
enum { GRAIN = 16384, PIECES = 64 }; /* elements per chunk; most partial sums of dweight */

typedef struct job {
  int64_t rows, columns;
  double eps;
  const void *x, *w, *dy;
  void *y, *dx;
  void *partial; /* (pieces, columns) of dweight, or NULL */
  void *dw;
  int64_t piece, pieces; /* rows per piece */
  bool add_dx, add_dw;
} job;

#define GT_TYPED "kernels/rms_norm.c"
#include "kernels/typed.h"

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
  gt_parallel(c->cx, j.rows, 1 + GRAIN / (j.columns + 1), GT_PICK(c, forward_rows), &j);
  return GT_OK;
}

static gt_status backward(gt_call *c) {
  job j = job_of(c);
  j.dy = gt_data(c->gout[0]);
  if (c->gin[0] != NULL) j.dx = gt_data(c->gin[0]);
  j.add_dx = c->accumulate[0];
  j.piece = 1 + GRAIN / (j.columns + 1);
  if (j.piece < (j.rows + PIECES - 1) / PIECES) j.piece = (j.rows + PIECES - 1) / PIECES;
  j.pieces = (j.rows + j.piece - 1) / j.piece;
  if (c->gin[1] != NULL) {
    size_t bytes = (size_t)(j.pieces * j.columns) * gt_dtype_size(c->dtype);
    GT_TRY(gt_scratch(c->cx, c->device, bytes, &j.partial));
    j.dw = gt_data(c->gin[1]);
    j.add_dw = c->accumulate[1];
  }
  gt_parallel(c->cx, j.rows, j.piece, GT_PICK(c, backward_rows), &j);
  if (j.dw != NULL) gt_parallel(c->cx, j.columns, 256, GT_PICK(c, sum_pieces), &j);
  return GT_OK;
}

static const gt_attr attrs[] = {
    {.name = "eps",
     .type = GT_ATTR_FLOAT,
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
  real *sum = NULL;
  if (j->partial != NULL) {
    sum = (real *)j->partial + begin / j->piece * n;
    memset(sum, 0, (size_t)n * sizeof(real));
  }
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

/* dweight of columns [begin, end). */
static void T(sum_pieces)(void *argument, int64_t begin, int64_t end) {
  const job *j = argument;
  real *dw = j->dw;
  for (int64_t i = begin; i < end; i++) {
    real sum = 0;
    for (int64_t p = 0; p < j->pieces; p++) sum += ((const real *)j->partial)[p * j->columns + i];
    dw[i] = j->add_dw ? dw[i] + sum : sum;
  }
}

#endif
