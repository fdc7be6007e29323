/* gather: y[i][j] = x[index[i][j]][j] for dim 0, and so on for any dimension and rank.
 * Gradient: scatter_add of dy into zeros. */
#include "core/tensor/pool.h"
#include "kernels/cpu/indices.h"
#include "kernels/cpu/strided.h"
#include "kernels/op/arithmetic.h"
#include "kernels/op/rule.h"

enum { DIM };

enum { GRAIN = 16384 };

/* Lines along the last dimension of the index are handled one at a time: y[j] = base[j * step +
 * index[j] * stride], where step is 0 when the last dimension is the gathered one. */
typedef struct gather_plan {
  const gt_ctx *cx;
  const gt_tensor *x;
  const int64_t *index;
  char *y;
  size_t size;
  int dim, ndim;
  int64_t shape[GT_MAX_DIM]; /* of the index and of y */
} gather_plan;

static gt_status infer(gt_call *c) {
  const gt_spec *x = &c->in_spec[0], *index = &c->in_spec[1];
  int dim;
  GT_TRY(gt_dim_resolve(c->cx, "gather", c->attr[DIM].i, x->ndim, &dim));
  GT_TRY(gt_index_check(c, 1));
  GT_TRY(gt_index_fits(c, 1, 0, dim));
  return gt_out_spec(c, 0, x->dtype, index->ndim, index->shape);
}

#define GATHER_LINE(type)                                                                          \
  do {                                                                                             \
    type *y = to;                                                                                  \
    const type *x = base;                                                                          \
    for (int64_t j = 0; j < n; j++) y[j] = x[j * step + index[j] * stride];                        \
  } while (0)

static void gather_line(size_t size, void *to, const void *base, const int64_t *index, int64_t n,
                        int64_t step, int64_t stride) {
  switch (size) {
  case 1:
    GATHER_LINE(gt_element1);
    break;
  case 2:
    GATHER_LINE(gt_element2);
    break;
  case 4:
    GATHER_LINE(gt_element4);
    break;
  default:
    GATHER_LINE(gt_element8);
    break;
  }
}

static void gather_lines(void *argument, int64_t begin, int64_t end) {
  const gather_plan *p = argument;
  int last = p->ndim - 1;
  int64_t n = p->shape[last];
  const int64_t *x_stride = p->x->stride;
  for (int64_t line = begin; line < end; line++) {
    int64_t rest = line, base = 0;
    for (int d = last - 1; d >= 0; d--) {
      if (d != p->dim) base += rest % p->shape[d] * x_stride[d];
      rest /= p->shape[d];
    }
    int64_t size = (int64_t)p->size, step = p->dim == last ? 0 : x_stride[last];
    const char *x = (const char *)gt_data(p->x) + base * size;
    for (int64_t at = 0; at < n && !gt_stopped(p->cx); at += GT_POLL_STEP)
      gather_line(p->size, p->y + (line * n + at) * size, x + at * step * size,
                  p->index + line * n + at, gt_min(n - at, GT_POLL_STEP), step, x_stride[p->dim]);
  }
}

static gt_status forward(gt_call *c) {
  const gt_tensor *x = c->in[0];
  gt_tensor *y = c->out[0];
  int64_t count = gt_count(y);
  gather_plan p = {
      .cx = c->cx, .x = x, .y = gt_data(y), .size = gt_dtype_size(x->dtype), .ndim = y->ndim};
  GT_TRY(gt_dim_resolve(c->cx, "gather", c->attr[DIM].i, x->ndim, &p.dim));
  GT_TRY(gt_index_read(c, 1, &p.index));
  GT_TRY(gt_index_range(c, p.index, count, p.dim, x->ndim ? x->shape[p.dim] : 1, false));
  if (count == 0) return GT_OK;
  if (y->ndim == 0) {
    memcpy(gt_data(y), gt_data(x), p.size);
    return GT_OK;
  }
  memcpy(p.shape, y->shape, sizeof p.shape);
  int64_t n = p.shape[p.ndim - 1];
  gt_parallel(c->cx, count / n, GRAIN / n + 1, gather_lines, &p);
  return GT_OK;
}

static gt_status rule(gt_call *c) {
  gt_tensor *zeros;
  gt_spec spec = c->in_spec[0];
  spec.dtype = c->gout[0]->dtype;
  GT_TRY(gt_tensor_zeros(c->cx, &spec, c->device, &zeros));
  gt_status status = gt_apply(c->cx, "scatter_add", (gt_tensor *[]){zeros, c->in[1], c->gout[0]}, 3,
                              GT_ARGS({"dim", c->attr[DIM]}), &c->gin[0]);
  gt_tensor_unref(c->cx, zeros);
  return status;
}

static const gt_setting attrs[] = {
    [DIM] = {"dim", GT_SETTING_INT, .required = true, .doc = "the dimension that index counts in"},
};

const gt_op gt_op_gather = {
    .name = "gather",
    .doc = "elements of x picked along dim: y[i][j] = x[i][index[i][j]] for dim 1",
    .inputs = "x, index",
    .where = "method",
    .nin = 2,
    .nout = 1,
    .compute = GT_BYTES,
    .strided = 1,
    .differentiable = 1,
    .save_in = 2,
    .attrs = attrs,
    .attr_count = GT_COUNT(attrs),
    .infer = infer,
    .forward = forward,
    .rule = rule,
};
