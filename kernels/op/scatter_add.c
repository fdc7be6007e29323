/* scatter_add: y = x, then y[index[i][j]][j] += src[i][j] for dim 0, and so on for any dimension.
 * dx = dy, dsrc = gather(dy, index).  Every line along dim is added up by one thread, in order. */
#ifndef real
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/indices.h"
#include "kernels/cpu/strided.h"
#include "kernels/op/rule.h"

enum { DIM };
enum { X, INDEX, SRC };
enum { GRAIN = 8192 };

typedef struct scatter_plan {
  const int64_t *index;
  const void *src;
  void *y;
  int dim, ndim;
  int64_t shape[GT_MAX_DIM]; /* of the index */
  int64_t index_stride[GT_MAX_DIM], src_stride[GT_MAX_DIM], y_stride[GT_MAX_DIM];
} scatter_plan;

/* Where line number `line` along p->dim begins in the three arrays. */
static void line_starts(const scatter_plan *p, int64_t line, int64_t at[3]) {
  at[0] = at[1] = at[2] = 0;
  for (int d = p->ndim - 1; d >= 0; d--) {
    if (d == p->dim) continue;
    int64_t i = line % p->shape[d];
    line /= p->shape[d];
    at[0] += i * p->index_stride[d];
    at[1] += i * p->src_stride[d];
    at[2] += i * p->y_stride[d];
  }
}

#define GT_TYPED_I64
#include "kernels/op/typed.h"

static gt_status infer(gt_call *c) {
  const gt_spec *x = &c->in_spec[X], *src = &c->in_spec[SRC];
  int dim;
  GT_TRY(gt_dim_resolve(c->cx, "scatter_add", c->attr[DIM].i, x->ndim, &dim));
  GT_TRY(gt_index_check(c, INDEX));
  GT_TRY(gt_index_fits(c, INDEX, X, dim));
  GT_TRY(gt_index_fits(c, INDEX, SRC, -1));
  if (src->dtype != x->dtype)
    return gt_fail(c->cx, GT_EDTYPE, "scatter_add: expected src of dtype %s, got %s",
                   gt_dtype_name(x->dtype), gt_dtype_name(src->dtype));
  return gt_out_like(c, 0, X);
}

static gt_status forward(gt_call *c) {
  const gt_tensor *x = c->in[X], *index = c->in[INDEX], *src = c->in[SRC];
  gt_tensor *y = c->out[0];
  scatter_plan p = {.src = gt_data(src), .y = gt_data(y), .ndim = x->ndim ? x->ndim : 1};
  int64_t count = gt_count(index);
  GT_TRY(gt_dim_resolve(c->cx, "scatter_add", c->attr[DIM].i, x->ndim, &p.dim));
  GT_TRY(gt_index_read(c, INDEX, &p.index));
  GT_TRY(gt_index_range(c, p.index, count, p.dim, x->ndim ? x->shape[p.dim] : 1, false));
  gt_parallel_copy(c->cx, gt_data(y), gt_data(x), gt_count(x) * (int64_t)gt_dtype_size(x->dtype));
  if (count == 0) return GT_OK;
  p.shape[0] = 1;
  for (int d = 0; d < x->ndim; d++) p.shape[d] = index->shape[d];
  gt_row_major(x->ndim, index->shape, p.index_stride);
  gt_row_major(x->ndim, src->shape, p.src_stride);
  gt_row_major(x->ndim, x->shape, p.y_stride);
  int64_t length = p.shape[p.dim];
  gt_parallel(c->cx, count / length, GRAIN / length + 1, GT_PICK(c, scatter_lines), &p);
  return GT_OK;
}

static gt_status rule(gt_call *c) {
  const gt_spec *index = &c->in_spec[INDEX], *src = &c->in_spec[SRC];
  gt_frame f = {.cx = c->cx};
  if (c->want[X]) gt_give(&f, c, X, c->gout[0]);
  if (c->want[SRC]) {
    gt_tensor *g =
        gt_op2_with(&f, "gather", c->gout[0], c->in[INDEX], GT_ARGS({"dim", c->attr[DIM]}));
    if (!gt_same_shape(index, src)) {
      int64_t stride[GT_MAX_DIM];
      gt_row_major(src->ndim, src->shape, stride);
      g = gt_op1_with(
          &f, "place", g,
          GT_ARGS({"shape", gt_shape_value(src)}, {"stride", gt_dims_value(src->ndim, stride)}));
    }
    gt_give(&f, c, SRC, g);
  }
  return gt_frame_end(&f);
}

static const gt_setting attrs[] = {
    [DIM] = {"dim", GT_SETTING_INT, .required = true, .doc = "the dimension that index counts in"},
};

const gt_op gt_op_scatter_add = {
    .name = "scatter_add",
    .doc = "x with src added at positions index along dim",
    .inputs = "x, index, src",
    .where = "method",
    .nin = 3,
    .nout = 1,
    .compute = GT_NUMBERS,
    .numeric = 1u << X | 1u << SRC,
    .differentiable = 1u << X | 1u << SRC,
    .save_in = 1u << INDEX,
    .attrs = attrs,
    .attr_count = GT_COUNT(attrs),
    .infer = infer,
    .forward = forward,
    .rule = rule,
};

#else
static void T(scatter_lines)(void *argument, int64_t begin, int64_t end) {
  const scatter_plan *p = argument;
  int64_t n = p->shape[p->dim], index_step = p->index_stride[p->dim];
  int64_t src_step = p->src_stride[p->dim], y_step = p->y_stride[p->dim];
  for (int64_t line = begin; line < end; line++) {
    int64_t at[3];
    line_starts(p, line, at);
    const int64_t *index = p->index + at[0];
    const real *src = (const real *)p->src + at[1];
    real *y = (real *)p->y + at[2];
    for (int64_t i = 0; i < n; i++) {
      real *to = y + index[i * index_step] * y_step;
      *to = T(gt_plus)(*to, src[i * src_step]);
    }
  }
}
#endif
