/* cumsum: y[i] = x[0] + … + x[i] along one dimension, or x[i] + … + x[n-1] with reverse = true.
 * dx = the cumsum of dy in the other direction.  Floats are added in double; integers give i64. */
#ifndef real
#include "kernels/cpu/cpu.h"
#include "kernels/op/rule.h"

enum { DIM, REVERSE };

#define TILE 64 /* neighbouring lines summed side by side */

typedef struct plan {
  const gt_ctx *cx;
  const void *x;
  void *y;
  int64_t outer, n, inner; /* x seen as (outer, n, inner), summed along n */
  int64_t tiles;           /* of inner */
  bool reverse;
} plan;

#define GT_TYPED_I64
#include "kernels/op/typed.h"

static gt_status infer(gt_call *c) {
  const gt_spec *x = &c->in_spec[0];
  int dim;
  GT_TRY(gt_dim_resolve(c->cx, "cumsum", c->attr[DIM].i, x->ndim, &dim));
  gt_dtype dtype = gt_dtype_is_float(x->dtype) ? x->dtype : GT_I64;
  return gt_out_spec(c, 0, dtype, x->ndim, x->shape);
}

static gt_status forward(gt_call *c) {
  const gt_spec *x = &c->in_spec[0];
  plan p = {.cx = c->cx,
            .x = gt_data(c->in[0]),
            .y = gt_data(c->out[0]),
            .outer = 1,
            .n = 1,
            .inner = 1,
            .reverse = c->attr[REVERSE].i != 0};
  int dim;
  GT_TRY(gt_dim_resolve(c->cx, "cumsum", c->attr[DIM].i, x->ndim, &dim));
  for (int d = 0; d < x->ndim; d++) {
    *(d < dim ? &p.outer : d == dim ? &p.n : &p.inner) *= x->shape[d];
  }
  if (p.outer * p.n * p.inner == 0) return GT_OK;
  p.tiles = gt_parts(p.inner, TILE);
  int64_t cost = p.n * gt_min(p.inner, TILE);
  gt_parallel(c->cx, p.outer * p.tiles, GT_MAP_GRAIN / cost + 1, GT_PICK(c, lines), &p);
  return GT_OK;
}

static gt_status rule(gt_call *c) {
  gt_frame f = {.cx = c->cx};
  gt_value reverse = GT_INT(!c->attr[REVERSE].i);
  gt_give(
      &f, c, 0,
      gt_op1_with(&f, "cumsum", c->gout[0], GT_ARGS({"dim", c->attr[DIM]}, {"reverse", reverse})));
  return gt_frame_end(&f);
}

static const gt_setting attrs[] = {
    {.name = "dim", .type = GT_SETTING_INT, .required = true, .doc = "dimension to sum along"},
    {.name = "reverse",
     .type = GT_SETTING_BOOL,
     .doc = "from the end to the beginning",
     .by_name = true},
};

const gt_op gt_op_cumsum = {
    .name = "cumsum",
    .doc = "running sum along a dimension",
    .inputs = "x",
    .where = "method",
    .nin = 1,
    .nout = 1,
    .compute = GT_NUMBERS,
    .numeric = 1,
    .differentiable = 1,
    .attrs = attrs,
    .attr_count = GT_COUNT(attrs),
    .infer = infer,
    .forward = forward,
    .rule = rule,
};

#else
#if REAL_IS_INTEGER
typedef uint64_t T(wide); /* wraps */
#else
typedef double T(wide);
#endif

/* One line of neighbours: the sum stays in a register. */
static void T(line)(const plan *p, const real *x, real *y) {
  T(wide) sum = 0;
  for (int64_t i = 0; i < p->n; i++) {
    int64_t at = p->reverse ? p->n - 1 - i : i;
    if (i % GT_POLL_STEP == 0 && gt_stopped(p->cx)) return;
    sum += (T(wide))x[at];
    y[at] = (real)sum;
  }
}

/* Work item = (outer index, tile of inner). */
static void T(lines)(void *argument, int64_t begin, int64_t end) {
  const plan *p = argument;
  for (int64_t item = begin; item < end; item++) {
    int64_t first = item % p->tiles * TILE;
    int64_t width = gt_min(p->inner - first, TILE);
    int64_t start = item / p->tiles * p->n * p->inner + first;
    if (p->inner == 1) {
      T(line)(p, (const real *)p->x + start, (real *)p->y + start);
      continue;
    }
    T(wide) sum[TILE] = {0};
    for (int64_t i = 0; i < p->n; i++) {
      if (i % (GT_POLL_STEP / TILE) == 0 && gt_stopped(p->cx)) return;
      int64_t at = start + (p->reverse ? p->n - 1 - i : i) * p->inner;
      const real *x = (const real *)p->x + at;
      real *y = (real *)p->y + at;
      for (int64_t j = 0; j < width; j++) {
        sum[j] += (T(wide))x[j];
        y[j] = (real)sum[j];
      }
    }
  }
}
#endif
