/* layer_norm: y = (x - mean) r w + b over the last axis, r = 1 / sqrt(mean((x - mean)^2) + eps).
 *
 * With n = (x - mean) r and g = w dy:
 *   dx = r (g - mean(g) - n mean(g n)),  dw = sum over rows of n dy,  db = sum over rows of dy.
 * The backward makes mean and r again.  (Ba, Kiros and Hinton, Layer Normalization, 2016.) */
#ifndef real
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/pieces.h"

#include <math.h>

enum { EPS };

typedef struct job {
  int64_t rows, columns;
  double eps;
  const void *x, *w, *b, *dy;
  void *y, *dx;
  bool add_dx;
  gt_pieces dw, db;
} job;

#include "kernels/op/typed.h"

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
  gt_parallel(c->cx, j.rows, gt_piece_rows(j.columns), GT_PICK(c, forward_rows), &j);
  return GT_OK;
}

static gt_status backward(gt_call *c) {
  job j = job_of(c);
  j.dy = gt_data(c->gout[0]);
  if (c->gin[0] != NULL) j.dx = gt_data(c->gin[0]);
  j.add_dx = c->accumulate[0];
  GT_TRY(gt_pieces_init(c, 1, j.rows, j.columns, &j.dw));
  GT_TRY(gt_pieces_init(c, 2, j.rows, j.columns, &j.db));
  gt_parallel(c->cx, j.rows, j.dw.rows, GT_PICK(c, backward_rows), &j);
  gt_sum_pieces(c, &j.dw);
  gt_sum_pieces(c, &j.db);
  return GT_OK;
}

static const gt_setting attrs[] = {
    {.name = "eps",
     .type = GT_SETTING_FLOAT,
     .preset = {.given = true, .f = 1e-5},
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
#include "kernels/cpu/lanes.h"

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
  real *dw = T(gt_piece_open)(&j->dw, begin), *db = T(gt_piece_open)(&j->db, begin);
  for (int64_t row = begin; row < end; row++) {
    const real *x = (const real *)j->x + row * n, *dy = (const real *)j->dy + row * n;
    real mean = T(row_sum)(x, n) / (real)n, r = T(row_scale)(x, mean, n, j->eps);
    if (j->dx != NULL) T(row_backward)(j, row, mean, r);
    if (dw != NULL) {
      GT_IVDEP for (int64_t i = 0; i < n; i++) dw[i] += (x[i] - mean) * r * dy[i];
    }
    if (db != NULL) {
      GT_IVDEP for (int64_t i = 0; i < n; i++) db[i] += dy[i];
    }
  }
}

#endif
