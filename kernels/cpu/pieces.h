/* pieces.h: sums over the rows of a matrix, as the gradient of what every row is multiplied by.
 * The rows are cut into pieces whose borders depend on the sizes only; each has a sum of its own,
 * and those are added in order: the number of threads does not change the bits. */
#ifndef real
#ifndef GT_PIECES_H
#define GT_PIECES_H

#include "core/tensor/op.h"
#include "core/tensor/pool.h"
#include "kernels/op/arithmetic.h"

enum { GT_PIECE_ELEMENTS = 16384, GT_MAX_PIECES = 64 };

typedef struct gt_pieces {
  int64_t rows;  /* per piece */
  int64_t count; /* of pieces */
  int64_t columns;
  void *partial; /* (count, columns) */
  void *sum;     /* (columns), where gt_sum_pieces puts it */
  bool add;      /* to what `sum` holds */
} gt_pieces;

/* Rows worth one piece of work. */
static inline int64_t gt_piece_rows(int64_t columns) {
  return 1 + GT_PIECE_ELEMENTS / (columns + 1);
}

/* Pieces of a matrix (rows, columns) whose sum becomes the gradient of input `input`; none, and
 * partial NULL, where that is not wanted. */
static inline gt_status gt_pieces_init(gt_call *c, int input, int64_t rows, int64_t columns,
                                       gt_pieces *out) {
  int64_t length = gt_max(gt_piece_rows(columns), gt_parts(rows, GT_MAX_PIECES));
  gt_pieces p = {.rows = length, .columns = columns};
  p.count = (rows + p.rows - 1) / p.rows;
  if (c->gin[input] != NULL) {
    size_t bytes = (size_t)(p.count * columns) * gt_dtype_size(c->dtype);
    GT_TRY(gt_scratch(c->cx, c->device, bytes, &p.partial));
    p.sum = gt_data(c->gin[input]);
    p.add = c->accumulate[input];
  }
  *out = p;
  return GT_OK;
}

#define GT_TYPED "kernels/cpu/pieces.h"
#include "kernels/op/typed.h"

/* The partial sums added up. */
static inline void gt_sum_pieces(gt_call *c, gt_pieces *p) {
  if (p->partial != NULL) gt_parallel(c->cx, p->columns, 256, GT_PICK(c, gt_piece_columns), p);
}

#endif
#else

/* The partial sum of the piece that begins with `row`, cleared; NULL where none is wanted. */
static inline real *T(gt_piece_open)(const gt_pieces *p, int64_t row) {
  if (p->partial == NULL) return NULL;
  real *sum = (real *)p->partial + row / p->rows * p->columns;
  memset(sum, 0, (size_t)p->columns * sizeof(real));
  return sum;
}

static void T(gt_piece_columns)(void *argument, int64_t begin, int64_t end) {
  const gt_pieces *p = argument;
  real *to = p->sum;
  for (int64_t i = begin; i < end; i++) {
    real sum = 0;
    for (int64_t k = 0; k < p->count; k++) sum += ((const real *)p->partial)[k * p->columns + i];
    to[i] = p->add ? to[i] + sum : sum;
  }
}

#endif
