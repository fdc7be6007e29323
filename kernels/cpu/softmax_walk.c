/* softmax_walk.c: the lines along one dimension, shared out to threads in tiles of neighbours: for
 * softmax and log_softmax. */
#include "kernels/cpu/softmax.h"

#include "kernels/cpu/cpu.h"

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
    p->lines(p->axis.size, inner, gt_min(width, COLUMNS), p->a + at, p->b ? p->b + at : NULL,
             p->y + at, p->accumulate);
  }
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
  p.tiles = gt_parts(p.axis.inner, COLUMNS);
  int64_t work = p.axis.size * gt_min(p.axis.inner, COLUMNS);
  gt_parallel(c->cx, p.axis.outer * p.tiles, GRAIN / work + 1, walk_tiles, &p);
  return GT_OK;
}
