/* softmax: y = exp(x - max x) / sum exp(x - max x) along dim.  Saves y.
 * dx = y (dy - sum(y dy)). */
#ifndef real
#include "kernels/softmax.h"

#include "kernels/cpu.h"

enum { DIM };
enum { COLUMNS = GT_SOFTMAX_COLUMNS, GRAIN = 16384 };

typedef struct walk {
  gt_softmax_lines lines;
  gt_axis axis;
  int64_t tiles; /* of COLUMNS inner positions */
  size_t size;
  const char *a, *b;
  char *y;
  bool accumulate;
} walk;

static void walk_tiles(void *argument, int64_t begin, int64_t end) {
  const walk *p = argument;
  int64_t inner = p->axis.inner;
  for (int64_t t = begin; t < end; t++) {
    int64_t first = t % p->tiles * COLUMNS, width = inner - first;
    int64_t at = (t / p->tiles * p->axis.size * inner + first) * (int64_t)p->size;
    p->lines(p->axis.size, inner, width < COLUMNS ? width : COLUMNS, p->a + at,
             p->b ? p->b + at : NULL, p->y + at, p->accumulate);
  }
}

gt_status gt_softmax_infer(gt_call *c) {
  const gt_spec *x = &c->in_spec[0];
  int dim;
  GT_TRY(gt_dim_resolve(c->cx, c->op->name, c->attr[DIM].i, x->ndim, &dim));
  return gt_infer_real(c);
}

gt_status gt_softmax_walk(gt_call *c, gt_softmax_lines lines, gt_tensor *a, gt_tensor *b,
                          gt_tensor *y, bool accumulate) {
  const gt_spec *x = &c->in_spec[0];
  int dim;
  GT_TRY(gt_dim_resolve(c->cx, c->op->name, c->attr[DIM].i, x->ndim, &dim));
  walk p = {.lines = lines,
            .axis = gt_axis_at(x, dim),
            .size = gt_dtype_size(c->dtype),
            .a = gt_data(a),
            .b = b ? gt_data(b) : NULL,
            .y = gt_data(y),
            .accumulate = accumulate};
  if (gt_spec_count(x) == 0) return GT_OK;
  p.tiles = (p.axis.inner + COLUMNS - 1) / COLUMNS;
  int64_t work = p.axis.size * (p.axis.inner < COLUMNS ? p.axis.inner : COLUMNS);
  gt_parallel(c->cx, p.axis.outer * p.tiles, GRAIN / work + 1, walk_tiles, &p);
  return GT_OK;
}

#define GT_TYPED "kernels/softmax.c"
#include "kernels/typed.h"

static gt_status forward(gt_call *c) {
  return gt_softmax_walk(c, GT_PICK(c, forward_lines), c->in[0], NULL, c->out[0], false);
}

static gt_status backward(gt_call *c) {
  if (!c->want[0]) return GT_OK;
  return gt_softmax_walk(c, GT_PICK(c, backward_lines), c->out[0], c->gout[0], c->gin[0],
                         c->accumulate[0]);
}

static const gt_attr attrs[] = {
    [DIM] = {"dim", GT_ATTR_INT, .required = true, .doc = "the dimension that will sum to 1"},
};

const gt_op gt_op_softmax = {
    .name = "softmax",
    .doc = "exp(x) / sum(exp(x)) along dim",
    .inputs = "x",
    .where = "F method",
    .nin = 1,
    .nout = 1,
    .compute = GT_REALS,
    .numeric = 1,
    .differentiable = 1,
    .save_out = 1,
    .attrs = attrs,
    .attr_count = GT_COUNT(attrs),
    .infer = gt_softmax_infer,
    .forward = forward,
    .backward = backward,
};

#else

#include "kernels/lanes.h"

static void T(forward_columns)(int64_t n, int64_t step, int64_t width, const real *x, real *y) {
  real most[COLUMNS], sum[COLUMNS];
  for (int64_t j = 0; j < width; j++) most[j] = -INFINITY, sum[j] = 0;
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < width; j++)
      most[j] = x[i * step + j] > most[j] ? x[i * step + j] : most[j];
  for (int64_t i = 0; i < n; i++) GT_IVDEP for (int64_t j = 0; j < width; j++) {
      real e = T(gt_exp)(x[i * step + j] - most[j]);
      y[i * step + j] = e;
      sum[j] += e;
    }
  for (int64_t j = 0; j < width; j++) sum[j] = 1 / sum[j];
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < width; j++) y[i * step + j] *= sum[j];
}

static void T(forward_lines)(int64_t n, int64_t step, int64_t width, const void *a, const void *b,
                             void *out, bool accumulate) {
  (void)b, (void)accumulate;
  const real *x = a;
  real *y = out;
  if (step > 1) {
    T(forward_columns)(n, step, width, x, y);
    return;
  }
  real most = T(row_max)(x, n);
  for (int64_t i = 0; i < n; i++) y[i] = T(gt_exp)(x[i] - most);
  real scale = 1 / T(row_sum)(y, n);
  for (int64_t i = 0; i < n; i++) y[i] *= scale;
}

static void T(backward_lines)(int64_t n, int64_t step, int64_t width, const void *a, const void *b,
                              void *out, bool accumulate) {
  const real *y = a, *dy = b;
  real *dx = out;
  if (step == 1) {
    real sum = T(row_dot)(y, dy, n);
    for (int64_t i = 0; i < n; i++) dx[i] = (accumulate ? dx[i] : 0) + y[i] * (dy[i] - sum);
    return;
  }
  real sum[COLUMNS];
  for (int64_t j = 0; j < width; j++) sum[j] = 0;
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < width; j++) sum[j] += y[i * step + j] * dy[i * step + j];
  for (int64_t i = 0; i < n; i++) GT_IVDEP for (int64_t j = 0; j < width; j++) {
      int64_t at = i * step + j;
      dx[at] = (accumulate ? dx[at] : 0) + y[at] * (dy[at] - sum[j]);
    }
}
#endif
