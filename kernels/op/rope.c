/* rope: rotary position embedding of x (B, T, H, D), half-split, with tables cos, sin (1, T', 1,
 * R/2).
 *
 *   y[i] = x[i] cos + x[i + R/2] sin,   y[i + R/2] = -x[i] sin + x[i + R/2] cos,   i < R/2
 *
 * Channels from R on pass through (R = D unless `dims` says otherwise).  The gradient rotates back:
 * the matrix is transposed.  `norm` adds the parameter-free RMS normalisation over D (rms.h) before
 * or after the rotation: QK-norm.  The backward recomputes the rotated row it needs.
 * The tables may have any floating-point dtype; products and sums are rounded one by one, so the
 * result has the bits of the same formula in elementary ops.  (Su et al., RoFormer, 2021.) */
#ifndef real
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/rms.h"

enum { NORM, EPS, DIMS };
enum { NORM_NONE, NORM_AFTER, NORM_BEFORE };
enum { GRAIN = 16384 }; /* elements per chunk */

typedef struct job {
  int64_t T, H, D, half; /* half = R/2 */
  int norm;
  double eps;
  const void *x, *cos, *sin, *dy; /* tables: (T, half) in the compute dtype */
  void *y, *dx;
  void *rows; /* (threads, 2, D) */
  bool add;
} job;

#include "kernels/op/typed.h"

static gt_status check_table(gt_call *c, int input, int64_t half) {
  const gt_spec *x = &c->in_spec[0], *table = &c->in_spec[input];
  const char *name = input == 1 ? "cos" : "sin";
  char text[GT_SHAPE_TEXT];
  if (!gt_dtype_is_float(table->dtype))
    return gt_fail(c->cx, GT_EDTYPE, "rope: expected a floating-point %s, got %s", name,
                   gt_dtype_name(table->dtype));
  if (table->ndim != 4 || table->shape[0] != 1 || table->shape[2] != 1 || table->shape[3] != half)
    return gt_fail(c->cx, GT_ESHAPE, "rope: expected %s (1, T, 1, %lld), got %s", name,
                   (long long)half, gt_shape_text(table, text));
  if (table->shape[1] < x->shape[1])
    return gt_fail(c->cx, GT_ESHAPE, "rope: expected %s for at least %lld positions, got %lld",
                   name, (long long)x->shape[1], (long long)table->shape[1]);
  return GT_OK;
}

static int64_t half_of(const gt_call *c) {
  return (c->attr[DIMS].given ? c->attr[DIMS].i : c->in_spec[0].shape[3]) / 2;
}

static gt_status infer(gt_call *c) {
  const gt_spec *x = &c->in_spec[0];
  char text[GT_SHAPE_TEXT];
  if (!gt_dtype_is_float(x->dtype))
    return gt_fail(c->cx, GT_EDTYPE, "rope: expected a floating-point x, got %s",
                   gt_dtype_name(x->dtype));
  if (x->ndim != 4)
    return gt_fail(c->cx, GT_ESHAPE, "rope: expected x (B, T, H, D), got %s",
                   gt_shape_text(x, text));
  int64_t dims = c->attr[DIMS].given ? c->attr[DIMS].i : x->shape[3];
  if (dims < 0 || dims % 2 != 0 || dims > x->shape[3])
    return gt_fail(c->cx, GT_ESHAPE,
                   "rope: expected an even number of channels up to %lld, got %lld",
                   (long long)x->shape[3], (long long)dims);
  GT_TRY(check_table(c, 1, dims / 2));
  GT_TRY(check_table(c, 2, dims / 2));
  return gt_out_like(c, 0, 0);
}

/* The first T rows of a table in the compute dtype, in scratch memory. */
static gt_status read_table(gt_call *c, int input, const job *j, const void **out) {
  gt_dtype dtype = c->in_spec[input].dtype;
  const void *table = gt_data(c->in[input]);
  if (dtype == c->dtype) {
    *out = table;
    return GT_OK;
  }
  void *copy;
  int64_t n = j->T * j->half;
  GT_TRY(gt_scratch(c->cx, c->device, (size_t)n * gt_dtype_size(c->dtype), &copy));
  gt_convert(copy, c->dtype, table, dtype, n);
  *out = copy;
  return GT_OK;
}

static gt_status open_job(gt_call *c, job *j) {
  const gt_spec *x = &c->in_spec[0];
  *j = (job){.T = x->shape[1],
             .H = x->shape[2],
             .D = x->shape[3],
             .half = half_of(c),
             .norm = (int)c->attr[NORM].i,
             .eps = gt_rms_eps(c, EPS),
             .x = gt_data(c->in[0])};
  GT_TRY(read_table(c, 1, j, &j->cos));
  GT_TRY(read_table(c, 2, j, &j->sin));
  size_t bytes = (size_t)(gt_pool_threads(c->cx) * 2 * j->D) * gt_dtype_size(c->dtype);
  return gt_scratch(c->cx, c->device, bytes, &j->rows);
}

/* Rows are (b, t); each has H heads of D. */
static void each_row(gt_call *c, const job *j, gt_task task) {
  int64_t rows = c->in_spec[0].shape[0] * j->T;
  gt_parallel(c->cx, rows, 1 + GRAIN / (j->H * j->D + 1), task, (void *)j);
}

static gt_status forward(gt_call *c) {
  job j;
  GT_TRY(open_job(c, &j));
  j.y = gt_data(c->out[0]);
  each_row(c, &j, GT_PICK(c, forward_rows));
  return GT_OK;
}

static gt_status backward(gt_call *c) {
  job j;
  GT_TRY(open_job(c, &j));
  j.dy = gt_data(c->gout[0]);
  j.dx = gt_data(c->gin[0]);
  j.add = c->accumulate[0];
  each_row(c, &j, GT_PICK(c, backward_rows));
  return GT_OK;
}

static const gt_setting attrs[] = {
    {.name = "norm",
     .type = GT_SETTING_CHOICE,
     .choices = "none|after|before",
     .doc = "RMS-normalise each head after or before the rotation"},
    {.name = "eps",
     .type = GT_SETTING_FLOAT,
     .doc = "of norm; if not given the machine epsilon, as in rms_norm"},
    {.name = "dims",
     .type = GT_SETTING_INT,
     .doc = "rotate only the first `dims` channels; all if not given"},
};

const gt_op gt_op_rope = {
    .name = "rope",
    .doc = "rotary position embedding of x (B, T, H, D) with tables cos, sin (1, T, 1, D/2)",
    .inputs = "x, cos, sin",
    .where = "F",
    .nin = 3,
    .nout = 1,
    .compute = GT_REALS,
    .numeric = 1,
    .differentiable = 1,
    .save_in = 7,
    .attrs = attrs,
    .attr_count = GT_COUNT(attrs),
    .infer = infer,
    .forward = forward,
    .backward = backward,
};

#else

/* y may not be x. */
static void T(rotate)(const real *x, const real *cos, const real *sin, int64_t half, int64_t D,
                      real *restrict y) {
  for (int64_t i = 0; i < half; i++) {
    y[i] = x[i] * cos[i] + x[i + half] * sin[i];
    y[i + half] = -x[i] * sin[i] + x[i + half] * cos[i];
  }
  for (int64_t i = 2 * half; i < D; i++) y[i] = x[i];
}

static void T(rotate_back)(const real *dy, const real *cos, const real *sin, int64_t half,
                           int64_t D, real *restrict dx) {
  for (int64_t i = 0; i < half; i++) {
    dx[i] = dy[i] * cos[i] - dy[i + half] * sin[i];
    dx[i + half] = dy[i] * sin[i] + dy[i + half] * cos[i];
  }
  for (int64_t i = 2 * half; i < D; i++) dx[i] = dy[i];
}

static void T(forward_rows)(void *argument, int64_t begin, int64_t end) {
  const job *j = argument;
  real *normed = (real *)j->rows + gt_worker() * 2 * j->D;
  for (int64_t row = begin; row < end; row++) {
    int64_t t = row % j->T;
    const real *cos = (const real *)j->cos + t * j->half, *sin = (const real *)j->sin + t * j->half;
    for (int64_t h = 0; h < j->H; h++) {
      int64_t at = (row * j->H + h) * j->D;
      const real *x = (const real *)j->x + at;
      real *y = (real *)j->y + at;
      if (j->norm == NORM_BEFORE) {
        T(gt_rms_row)(x, NULL, j->D, j->eps, normed);
        x = normed;
      }
      T(rotate)(x, cos, sin, j->half, j->D, y);
      if (j->norm == NORM_AFTER) T(gt_rms_row)(y, NULL, j->D, j->eps, y);
    }
  }
}

/* d(x) of one head into `d`; `spare` is another row. */
static void T(head_backward)(const job *j, const real *x, const real *dy, const real *cos,
                             const real *sin, real *spare, real *d) {
  if (j->norm == NORM_AFTER) {
    T(rotate)(x, cos, sin, j->half, j->D, d);
    T(gt_rms_row_backward)(d, NULL, dy, j->D, j->eps, false, spare);
    T(rotate_back)(spare, cos, sin, j->half, j->D, d);
  } else if (j->norm == NORM_BEFORE) {
    T(rotate_back)(dy, cos, sin, j->half, j->D, spare);
    T(gt_rms_row_backward)(x, NULL, spare, j->D, j->eps, false, d);
  } else {
    T(rotate_back)(dy, cos, sin, j->half, j->D, d);
  }
}

static void T(backward_rows)(void *argument, int64_t begin, int64_t end) {
  const job *j = argument;
  real *d = (real *)j->rows + gt_worker() * 2 * j->D, *spare = d + j->D;
  for (int64_t row = begin; row < end; row++) {
    int64_t t = row % j->T;
    const real *cos = (const real *)j->cos + t * j->half, *sin = (const real *)j->sin + t * j->half;
    for (int64_t h = 0; h < j->H; h++) {
      int64_t at = (row * j->H + h) * j->D;
      T(head_backward)(j, (const real *)j->x + at, (const real *)j->dy + at, cos, sin, spare, d);
      real *dx = (real *)j->dx + at;
      for (int64_t i = 0; i < j->D; i++) dx[i] = j->add ? dx[i] + d[i] : d[i];
    }
  }
}

#endif
