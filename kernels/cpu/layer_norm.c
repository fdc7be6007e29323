/* layer_norm.c: the formulas of op/layer_norm.c row by row; the backward makes mean
 * and r again. */
#ifndef real
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/kernels.h"
#include "kernels/cpu/pieces.h"
#include "kernels/op/attributes.h"

#include <math.h>

typedef struct job {
  int64_t rows, columns;
  double eps;
  const void *x, *w, *b, *dy;
  void *y, *dx;
  bool add_dx;
  gt_pieces dw, db;
} job;

#include "kernels/op/typed.h"

static job job_of(const gt_call *c) {
  const gt_spec *x = &c->in_spec[0];
  int64_t columns = x->shape[x->ndim - 1];
  return (job){.rows = columns == 0 ? 0 : gt_spec_count(x) / columns,
               .columns = columns,
               .eps = c->attr[GT_LAYER_NORM_EPS].f,
               .x = gt_data(c->in[0]),
               .w = c->in[1] == NULL ? NULL : gt_data(c->in[1])};
}

gt_status gt_cpu_layer_norm_forward(gt_call *c) {
  job j = job_of(c);
  j.b = c->in[2] == NULL ? NULL : gt_data(c->in[2]);
  j.y = gt_data(c->out[0]);
  gt_parallel(c->cx, j.rows, gt_piece_rows(j.columns), GT_PICK(c, forward_rows), &j);
  return GT_OK;
}

gt_status gt_cpu_layer_norm_backward(gt_call *c) {
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
