/* rope.c: the formulas of op/rope.c head by head. */
#ifndef real
#include "kernels/cpu/convert.h"
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/kernels.h"
#include "kernels/cpu/rms.h"
#include "kernels/op/attributes.h"

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

static int64_t half_of(const gt_call *c) {
  return (c->attr[GT_ROPE_DIMS].given ? c->attr[GT_ROPE_DIMS].i : c->in_spec[0].shape[3]) / 2;
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
             .norm = (int)c->attr[GT_ROPE_NORM].i,
             .eps = gt_rms_eps(c, GT_ROPE_EPS),
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

gt_status gt_cpu_rope_forward(gt_call *c) {
  job j;
  GT_TRY(open_job(c, &j));
  j.y = gt_data(c->out[0]);
  each_row(c, &j, GT_PICK(c, forward_rows));
  return GT_OK;
}

gt_status gt_cpu_rope_backward(gt_call *c) {
  job j;
  GT_TRY(open_job(c, &j));
  j.dy = gt_data(c->gout[0]);
  j.dx = gt_data(c->gin[0]);
  j.add = c->accumulate[0];
  each_row(c, &j, GT_PICK(c, backward_rows));
  return GT_OK;
}

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
      if (j->norm == GT_ROPE_NORM_BEFORE) {
        T(gt_rms_row)(x, NULL, j->D, j->eps, normed);
        x = normed;
      }
      T(rotate)(x, cos, sin, j->half, j->D, y);
      if (j->norm == GT_ROPE_NORM_AFTER) T(gt_rms_row)(y, NULL, j->D, j->eps, y);
    }
  }
}

/* d(x) of one head into `d`; `spare` is another row. */
static void T(head_backward)(const job *j, const real *x, const real *dy, const real *cos,
                             const real *sin, real *spare, real *d) {
  if (j->norm == GT_ROPE_NORM_AFTER) {
    T(rotate)(x, cos, sin, j->half, j->D, d);
    T(gt_rms_row_backward)(d, NULL, dy, j->D, j->eps, false, spare);
    T(rotate_back)(spare, cos, sin, j->half, j->D, d);
  } else if (j->norm == GT_ROPE_NORM_BEFORE) {
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
