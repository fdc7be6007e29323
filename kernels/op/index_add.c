/* index_add: y = x, then the slice at index[i] along dim += alpha * slice i of src.
 * dx = dy, dsrc = alpha * index_select(dy, index).  Every element is added up by one thread, in the
 * order of index. */
#ifndef real
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/indices.h"
#include "kernels/cpu/strided.h"
#include "kernels/op/rule.h"
#include "kernels/op/shape.h"

enum { DIM, ALPHA };
enum { X, INDEX, SRC };
enum { COLUMNS = 512, GRAIN = 1 << 15 };

typedef struct add_plan {
  gt_axis axis;  /* of x */
  int64_t n;     /* slices of src */
  int64_t parts; /* pieces of at most COLUMNS that an inner line is cut into */
  const int64_t *index;
  const void *src /* (outer, n, inner) */;
  void *y; /* (outer, size, inner) */
  double alpha;
} add_plan;

#define GT_TYPED_I64
#include "kernels/op/typed.h"

static gt_status infer(gt_call *c) {
  const gt_spec *x = &c->in_spec[X], *index = &c->in_spec[INDEX], *src = &c->in_spec[SRC];
  int dim;
  char want_text[GT_SHAPE_TEXT], have_text[GT_SHAPE_TEXT];
  GT_TRY(gt_dim_resolve(c->cx, "index_add", c->attr[DIM].i, x->ndim, &dim));
  GT_TRY(gt_index_check(c, INDEX));
  if (index->ndim > 1)
    return gt_fail(c->cx, GT_ESHAPE, "index_add: expected a 1-d index, got %s",
                   gt_shape_text(index, have_text));
  gt_spec want = *x;
  if (x->ndim > 0) want.shape[dim] = gt_spec_count(index);
  if (!gt_same_shape(&want, src))
    return gt_fail(c->cx, GT_ESHAPE, "index_add: expected src of shape %s, got %s",
                   gt_shape_text(&want, want_text), gt_shape_text(src, have_text));
  if (src->dtype != x->dtype)
    return gt_fail(c->cx, GT_EDTYPE, "index_add: expected src of dtype %s, got %s",
                   gt_dtype_name(x->dtype), gt_dtype_name(src->dtype));
  GT_TRY(gt_out_like(c, 0, X));
  return gt_check_factor(c, "alpha", c->attr[ALPHA].f);
}

static gt_status forward(gt_call *c) {
  const gt_tensor *x = c->in[X];
  gt_spec spec = gt_spec_of(x);
  int dim;
  GT_TRY(gt_dim_resolve(c->cx, "index_add", c->attr[DIM].i, x->ndim, &dim));
  add_plan p = {.axis = gt_axis_at(&spec, dim),
                .n = gt_count(c->in[INDEX]),
                .src = gt_data(c->in[SRC]),
                .y = gt_data(c->out[0]),
                .alpha = c->attr[ALPHA].f};
  GT_TRY(gt_index_read(c, INDEX, &p.index));
  GT_TRY(gt_index_range(c, p.index, p.n, dim, p.axis.size, false));
  gt_parallel_copy(c->cx, p.y, gt_data(x), gt_count(x) * (int64_t)gt_dtype_size(x->dtype));
  if (gt_count(c->in[SRC]) == 0) return GT_OK;
  p.parts = gt_parts(p.axis.inner, COLUMNS);
  int64_t work = p.n * gt_min(p.axis.inner, COLUMNS);
  gt_parallel(c->cx, p.axis.outer * p.parts, GRAIN / work + 1, GT_PICK(c, add_slices), &p);
  return GT_OK;
}

static gt_status rule(gt_call *c) {
  gt_frame f = {.cx = c->cx};
  if (c->want[X]) gt_give(&f, c, X, c->gout[0]);
  if (c->want[SRC]) {
    gt_tensor *g =
        gt_op2_with(&f, "index_select", c->gout[0], c->in[INDEX], GT_ARGS({"dim", c->attr[DIM]}));
    if (c->attr[ALPHA].f != 1) g = gt_op_number(&f, "mul", g, c->attr[ALPHA].f);
    gt_give(&f, c, SRC, g);
  }
  return gt_frame_end(&f);
}

static const gt_setting attrs[] = {
    [DIM] = {"dim", GT_SETTING_INT, .preset = GT_INT(0), .doc = "the dimension index counts in"},
    [ALPHA] = {"alpha", GT_SETTING_FLOAT, .preset = GT_FLOAT(1), .doc = "factor of src",
               .by_name = true, .instead = "x:index_add(dim, index, alpha * src)"},
};

const gt_op gt_op_index_add = {
    .name = "index_add",
    .doc = "x with the slices of src added at positions index along dim",
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
static void T(add_slices)(void *argument, int64_t begin, int64_t end) {
  const add_plan *p = argument;
  int64_t inner = p->axis.inner;
  real alpha = (real)p->alpha;
  for (int64_t piece = begin; piece < end; piece++) {
    int64_t outer = piece / p->parts, first = piece % p->parts * COLUMNS;
    int64_t columns = gt_min(inner - first, COLUMNS);
    for (int64_t i = 0; i < p->n; i++) {
      const real *src = (const real *)p->src + (outer * p->n + i) * inner + first;
      real *y = (real *)p->y + (outer * p->axis.size + p->index[i]) * inner + first;
      for (int64_t j = 0; j < columns; j++) y[j] = T(gt_plus)(y[j], T(gt_times)(alpha, src[j]));
    }
  }
}
#endif
