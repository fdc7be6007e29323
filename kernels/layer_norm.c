/* layer_norm: y = (x - mean) r w + b over the last axis, r = 1 / sqrt(mean((x - mean)^2) + eps).
 *
 * With n = (x - mean) r and g = w dy:
 *   dx = r (g - mean(g) - n mean(g n)),  dw = sum over rows of n dy,  db = sum over rows of dy.
 * The sums over rows are added per chunk of rows and then chunk by chunk.  The backward makes mean
 * and r again.  (Ba, Kiros and Hinton, Layer Normalization, 2016.) */
#ifndef real
#include "kernels/cpu.h"

#include <math.h>

enum { EPS };
enum { GRAIN = 16384, PIECES = 64 }; /* elements per chunk; most partial sums of dw and db */

typedef struct job {
  int64_t rows, columns;
  double eps;
  const void *x, *w, *b, *dy;
  void *y, *dx;
  void *partial;         /* (pieces, 2, columns) of dw and db, or NULL */
  void *sums[2];         /* dw, db; NULL where not wanted */
  int64_t piece, pieces; /* rows per piece */
  bool add_dx, add_sum[2];
} job;

#define GT_TYPED "kernels/layer_norm.c"
#include "kernels/typed.h"

static gt_status check_vector(gt_call *c, int input, const char *name) {
  char got[GT_SHAPE_TEXT], of[GT_SHAPE_TEXT];
  const gt_spec *x = &c->in_spec[0], *v = &c->in_spec[input];
  if (c->in[input] == NULL || (v->ndim == 1 && v->shape[0] == x->shape[x->ndim - 1])) return GT_OK;
  return gt_fail(c->cx, GT_ESHAPE,
                 "layer_norm: expected a %s as long as the last dimension of x %s, got %s", name,
                 gt_shape_text(x, of), gt_shape_text(v, got));
}

static gt_status infer(gt_call *c) {
  const gt_spec *x = &c->in_spec[0];
  if (!gt_dtype_is_float(x->dtype))
    return gt_fail(c->cx, GT_EDTYPE, "layer_norm: expected a floating-point x, got %s",
                   gt_dtype_name(x->dtype));
  if (x->ndim == 0)
    return gt_fail(c->cx, GT_ESHAPE, "layer_norm: expected x with at least 1 dimension, got ()");
  GT_TRY(check_vector(c, 1, "weight"));
  GT_TRY(check_vector(c, 2, "bias"));
  return gt_out_like(c, 0, 0);
}

static job job_of(const gt_call *c) {
  const gt_spec *x = &c->in_spec[0];
  int64_t columns = x->shape[x->ndim - 1];
  return (job){.rows = columns == 0 ? 0 : gt_spec_count(x) / columns,
               .columns = columns,
               .eps = c->attr[EPS].f,
               .x = gt_data(c->in[0]),
               .w = c->in[1] == NULL ? NULL : gt_data(c->in[1])};
}

static gt_status forward(gt_call *c) {
  job j = job_of(c);
  j.b = c->in[2] == NULL ? NULL : gt_data(c->in[2]);
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
  for (int i = 0; i < 2; i++) {
    if (c->gin[1 + i] == NULL) continue;
    j.sums[i] = gt_data(c->gin[1 + i]);
    j.add_sum[i] = c->accumulate[1 + i];
  }
  bool sums = j.sums[0] != NULL || j.sums[1] != NULL;
  if (sums) {
    size_t bytes = (size_t)(j.pieces * 2 * j.columns) * gt_dtype_size(c->dtype);
    GT_TRY(gt_scratch(c->cx, c->device, bytes, &j.partial));
  }
  gt_parallel(c->cx, j.rows, j.piece, GT_PICK(c, backward_rows), &j);
  if (sums) gt_parallel(c->cx, j.columns, 256, GT_PICK(c, sum_pieces), &j);
  return GT_OK;
}

static const gt_attr attrs[] = {
    {.name = "eps",
     .type = GT_ATTR_FLOAT,
     .fallback = {.given = true, .f = 1e-5},
     .doc = "added to the variance"},
};

const gt_op gt_op_layer_norm = {
    .name = "layer_norm",
    .doc = "(x - mean) / sqrt(variance + eps) * weight + bias over the last dimension",
    .inputs = "x, weight?, bias?",
    .where = "",
    .nin = 3,
    .nout = 1,
    .compute = GT_REALS,
    .numeric = 7,
    .differentiable = 7,
    .save_in = 3,
    .attrs = attrs,
    .attr_count = GT_COUNT(attrs),
    .infer = infer,
    .forward = forward,
    .backward = backward,
};

#else
#include "kernels/lanes.h"

/* Sum of (x - mean)^2. */
static inline real T(row_spread)(const real *x /* (n) */, real mean, int64_t n) {
  real lane[T(LANES)] = {0};
  int64_t i = 0;
  for (; i + T(LANES) <= n; i += T(LANES))
    for (int j = 0; j < T(LANES); j++) lane[j] += (x[i + j] - mean) * (x[i + j] - mean);
  for (int j = 0; i + j < n; j++) lane[j] += (x[i + j] - mean) * (x[i + j] - mean);
  return T(fold)(lane);
}

static inline real T(row_scale)(const real *x, real mean, int64_t n, double eps) {
  return 1 / (real)sqrt(T(row_spread)(x, mean, n) / (real)n + (real)eps);
}

static void T(forward_rows)(void *argument, int64_t begin, int64_t end) {
  const job *j = argument;
  const real *w = j->w, *b = j->b;
  int64_t n = j->columns;
  for (int64_t row = begin; row < end; row++) {
    const real *x = (const real *)j->x + row * n;
    real *y = (real *)j->y + row * n;
    real mean = T(row_sum)(x, n) / (real)n, r = T(row_scale)(x, mean, n, j->eps);
    for (int64_t i = 0; i < n; i++) {
      real v = (x[i] - mean) * r;
      if (w != NULL) v *= w[i];
      y[i] = b != NULL ? v + b[i] : v;
    }
  }
}

/* Sum of g, and of g (x - mean) in *along; g = w dy. */
static inline real T(row_moments)(const real *x, real mean, const real *w, const real *dy,
                                  int64_t n, real *along) {
  real plain[T(LANES)] = {0}, moment[T(LANES)] = {0};
  int64_t i = 0;
  for (; i + T(LANES) <= n; i += T(LANES)) {
    for (int k = 0; k < T(LANES); k++) {
      real g = w == NULL ? dy[i + k] : dy[i + k] * w[i + k];
      plain[k] += g;
      moment[k] += g * (x[i + k] - mean);
    }
  }
  for (int k = 0; i + k < n; k++) {
    real g = w == NULL ? dy[i + k] : dy[i + k] * w[i + k];
    plain[k] += g;
    moment[k] += g * (x[i + k] - mean);
  }
  *along = T(fold)(moment);
  return T(fold)(plain);
}

/* dx = r (g - mean(g) - n mean(g n)), g = w dy. */
static void T(row_backward)(const job *j, int64_t row, real mean, real r) {
  const real *w = j->w;
  int64_t n = j->columns;
  const real *x = (const real *)j->x + row * n, *dy = (const real *)j->dy + row * n;
  real *dx = (real *)j->dx + row * n;
  real along, mean_g = T(row_moments)(x, mean, w, dy, n, &along) / (real)n;
  real slope = along / (real)n * r * r;
  GT_IVDEP for (int64_t i = 0; i < n; i++) {
    real g = w == NULL ? dy[i] : dy[i] * w[i];
    real d = r * (g - mean_g - (x[i] - mean) * slope);
    dx[i] = j->add_dx ? dx[i] + d : d;
  }
}

static void T(backward_rows)(void *argument, int64_t begin, int64_t end) {
  const job *j = argument;
  int64_t n = j->columns;
  real *dw = NULL, *db = NULL;
  if (j->partial != NULL) {
    dw = (real *)j->partial + begin / j->piece * 2 * n;
    db = dw + n;
    memset(dw, 0, (size_t)(2 * n) * sizeof(real));
  }
  for (int64_t row = begin; row < end; row++) {
    const real *x = (const real *)j->x + row * n, *dy = (const real *)j->dy + row * n;
    real mean = T(row_sum)(x, n) / (real)n, r = T(row_scale)(x, mean, n, j->eps);
    if (j->dx != NULL) T(row_backward)(j, row, mean, r);
    if (dw == NULL) continue;
    GT_IVDEP for (int64_t i = 0; i < n; i++) {
      dw[i] += (x[i] - mean) * r * dy[i];
      db[i] += dy[i];
    }
  }
}

/* dw and db of columns [begin, end). */
static void T(sum_pieces)(void *argument, int64_t begin, int64_t end) {
  const job *j = argument;
  for (int which = 0; which < 2; which++) {
    real *to = j->sums[which];
    if (to == NULL) continue;
    for (int64_t i = begin; i < end; i++) {
      real sum = 0;
      for (int64_t p = 0; p < j->pieces; p++)
        sum += ((const real *)j->partial)[(2 * p + which) * j->columns + i];
      to[i] = j->add_sum[which] ? to[i] + sum : sum;
    }
  }
}

#endif
