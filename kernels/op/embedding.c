/* embedding: y = weight[idx], idx (...) of integers, weight (V, C), y (..., C) in weight's dtype.
 *
 * dweight[v] = the sum of dy over the positions that hold v, first to last.  Positions are sorted
 * by id (counting sort) and rows of dweight are shared out by id: the order of additions depends on
 * idx only, and rows whose id does not occur are not touched when accumulating. */
#ifndef real
#include "core/tensor/pool.h"
#include "kernels/cpu/convert.h"
#include "kernels/cpu/indices.h"

enum { GRAIN = 16384 }; /* elements copied per chunk */

typedef struct job {
  const int64_t *id; /* (positions) */
  int64_t *first;    /* (V + 1) where each id's run starts in `order` */
  int64_t *order;    /* (positions) sorted by id, stable */
  int64_t columns;
  gt_dtype dtype; /* of the table and dy */
  const char *table;
  const char *dy;
  char *y, *dweight;
  size_t row_bytes;
  void *sums; /* (threads, 2, columns) f32 or f64: a row's sum, and a widened row of dy */
  bool add;
} job;

#include "kernels/op/typed.h"

static gt_status infer(gt_call *c) {
  const gt_spec *idx = &c->in_spec[0], *weight = &c->in_spec[1];
  char text[GT_SHAPE_TEXT];
  GT_TRY(gt_index_check(c, 0));
  if (weight->ndim != 2)
    return gt_fail(c->cx, GT_ESHAPE, "embedding: expected weight (V, C), got %s",
                   gt_shape_text(weight, text));
  if (idx->ndim + 1 > GT_MAX_DIM)
    return gt_fail(c->cx, GT_ESHAPE, "embedding: expected ids with at most %d dimensions, got %s",
                   GT_MAX_DIM - 1, gt_shape_text(idx, text));
  int64_t shape[GT_MAX_DIM];
  memcpy(shape, idx->shape, sizeof shape);
  shape[idx->ndim] = weight->shape[1];
  return gt_out_spec(c, 0, weight->dtype, idx->ndim + 1, shape);
}

static void copy_rows(void *argument, int64_t begin, int64_t end) {
  const job *j = argument;
  for (int64_t i = begin; i < end; i++)
    memcpy(j->y + (size_t)i * j->row_bytes, j->table + (size_t)j->id[i] * j->row_bytes,
           j->row_bytes);
}

static gt_status forward(gt_call *c) {
  int64_t rows = c->in_spec[1].shape[0], columns = c->in_spec[1].shape[1];
  int64_t positions = gt_spec_count(&c->in_spec[0]);
  job j = {.table = gt_data(c->in[1]),
           .y = gt_data(c->out[0]),
           .row_bytes = (size_t)columns * gt_dtype_size(c->in_spec[1].dtype)};
  GT_TRY(gt_index_read(c, 0, &j.id));
  for (int64_t i = 0; i < positions; i++) {
    if (j.id[i] < 0 || j.id[i] >= rows)
      return gt_fail(c->cx, GT_EINDEX,
                     "embedding: id %lld is out of range for a table of %lld rows",
                     (long long)j.id[i], (long long)rows);
  }
  gt_parallel(c->cx, positions, 1 + GRAIN / (columns + 1), copy_rows, &j);
  return GT_OK;
}

/* Fills first and order: a stable counting sort of the positions by id. */
static void sort_positions(job *j, int64_t rows, int64_t positions) {
  memset(j->first, 0, (size_t)(rows + 1) * sizeof *j->first);
  for (int64_t i = 0; i < positions; i++) j->first[j->id[i] + 1]++;
  for (int64_t v = 0; v < rows; v++) j->first[v + 1] += j->first[v];
  /* first[v] moves on while filling and ends where first[v + 1] began: shifted back below */
  for (int64_t i = 0; i < positions; i++) j->order[j->first[j->id[i]]++] = i;
  memmove(j->first + 1, j->first, (size_t)rows * sizeof *j->first);
  j->first[0] = 0;
}

/* The same for bf16 and f16: sums in f32, rounded once. */
static void add_rows_half(void *argument, int64_t begin, int64_t end) {
  const job *j = argument;
  float *sum = (float *)j->sums + gt_worker() * 2 * j->columns, *row = sum + j->columns;
  for (int64_t v = begin; v < end; v++) {
    if (j->add && j->first[v] == j->first[v + 1]) continue;
    char *to = j->dweight + (size_t)v * j->row_bytes;
    memset(sum, 0, (size_t)j->columns * sizeof *sum);
    for (int64_t k = j->first[v]; k <= j->first[v + 1]; k++) {
      const char *from = j->dy;
      if (k < j->first[v + 1])
        from += (size_t)j->order[k] * j->row_bytes;
      else if (j->add)
        from = to; /* what is there comes last */
      else
        break;
      gt_convert(row, GT_F32, from, j->dtype, j->columns);
      for (int64_t i = 0; i < j->columns; i++) sum[i] += row[i];
    }
    gt_convert(to, j->dtype, sum, GT_F32, j->columns);
  }
}

static gt_status backward(gt_call *c) {
  int64_t rows = c->in_spec[1].shape[0], columns = c->in_spec[1].shape[1];
  int64_t positions = gt_spec_count(&c->in_spec[0]);
  gt_dtype dtype = c->in_spec[1].dtype;
  void *sort;
  job j = {.columns = columns,
           .dtype = dtype,
           .dy = gt_data(c->gout[0]),
           .dweight = gt_data(c->gin[1]),
           .row_bytes = (size_t)columns * gt_dtype_size(dtype),
           .add = c->accumulate[1]};
  GT_TRY(gt_index_read(c, 0, &j.id));
  GT_TRY(gt_scratch(c->cx, c->device, (size_t)(rows + 1 + positions) * sizeof(int64_t), &sort));
  j.first = sort;
  j.order = j.first + rows + 1;
  sort_positions(&j, rows, positions);
  size_t size = dtype == GT_F64 ? sizeof(double) : sizeof(float);
  GT_TRY(
      gt_scratch(c->cx, c->device, (size_t)(gt_pool_threads(c->cx) * 2 * columns) * size, &j.sums));
  gt_task add_rows = dtype == GT_F64   ? add_rows_f64
                     : dtype == GT_F32 ? add_rows_f32
                                       : add_rows_half;
  gt_parallel(c->cx, rows, 1 + GRAIN / (columns + 1), add_rows, &j);
  return GT_OK;
}

const gt_op gt_op_embedding = {
    .name = "embedding",
    .doc = "rows of weight (V, C) picked by integer ids (...): (..., C)",
    .inputs = "ids, weight",
    .where = "F",
    .nin = 2,
    .nout = 1,
    .compute = GT_BYTES,
    .differentiable = 2,
    .save_in = 1,
    .infer = infer,
    .forward = forward,
    .backward = backward,
};

#else

/* Gradients of the rows of ids [begin, end). */
static void T(add_rows)(void *argument, int64_t begin, int64_t end) {
  const job *j = argument;
  for (int64_t v = begin; v < end; v++) {
    real *to = (real *)j->dweight + v * j->columns;
    real *sum = j->add ? (real *)j->sums + gt_worker() * 2 * j->columns : to;
    if (j->add && j->first[v] == j->first[v + 1]) continue;
    memset(sum, 0, j->row_bytes);
    for (int64_t k = j->first[v]; k < j->first[v + 1]; k++) {
      const real *from = (const real *)j->dy + j->order[k] * j->columns;
      for (int64_t i = 0; i < j->columns; i++) sum[i] += from[i];
    }
    for (int64_t i = 0; j->add && i < j->columns; i++) to[i] += sum[i];
  }
}

#endif
