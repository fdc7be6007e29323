/* triangle.c: lower and upper triangles, row by row. */
#include "kernels/cpu/triangle.h"

#include "core/tensor/pool.h"

enum { GRAIN_BYTES = 1 << 17 };

typedef struct triangle {
  const char *x;
  char *y;
  size_t size;
  int64_t rows, columns, diagonal;
  bool upper;
} triangle;

static void copy_rows(void *argument, int64_t begin, int64_t end) {
  const triangle *p = argument;
  for (int64_t row = begin; row < end; row++) {
    /* Columns below `split` belong to the lower part, which includes the diagonal for tril. */
    int64_t n = p->columns, split = row % p->rows + !p->upper + p->diagonal;
    split = split < 0 ? 0 : split > n ? n : split;
    const char *x = p->x + (size_t)(row * n) * p->size;
    char *y = p->y + (size_t)(row * n) * p->size;
    size_t low = (size_t)split * p->size, all = (size_t)n * p->size;
    if (p->upper) {
      memset(y, 0, low);
      memcpy(y + low, x + low, all - low);
    } else {
      memcpy(y, x, low);
      memset(y + low, 0, all - low);
    }
  }
}

gt_status gt_cpu_triangle(gt_call *c, bool upper) {
  const gt_tensor *x = c->in[0];
  int64_t count = gt_count(x);
  if (count == 0) return GT_OK;
  int64_t rows = x->shape[x->ndim - 2], columns = x->shape[x->ndim - 1], diagonal = c->attr[0].i;
  if (diagonal < -rows) diagonal = -rows;
  if (diagonal > columns) diagonal = columns;
  triangle p = {gt_data(x), gt_data(c->out[0]), gt_dtype_size(x->dtype), rows, columns, diagonal,
                upper};
  gt_parallel(c->cx, count / columns, GRAIN_BYTES / (columns * (int64_t)p.size) + 1, copy_rows, &p);
  return GT_OK;
}
