/* matmul.c: operands may have any strides: transposed views are multiplied as they are; a batch on
 * the left with one matrix on the right is one tall product. */
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/gemm.h"
#include "kernels/cpu/kernels.h"
#include "kernels/cpu/strided.h"
#include "kernels/op/geometry.h"

enum { A, B };
/* Products of up to SMALL multiply-adds are shared out whole, larger ones are split. */
enum { SMALL = 1 << 24, GRAIN = 1 << 16 };

/* C (batch, M, N) = A (batch, M, K) B (batch, K, N). */
typedef struct product {
  gt_ctx *cx;
  gt_dtype dtype;
  int64_t M, N, K;
  int batch_ndim;
  int64_t batch_shape[GT_MAX_DIM], batches;
  int64_t a_batch[GT_MAX_DIM], b_batch[GT_MAX_DIM]; /* strides, 0 where broadcast */
  gt_matrix a, b;
  char *c;
} product;

/* The matrices of t (ndim >= 2) as gt_gemm takes them; a contiguous copy where it cannot. */
static gt_status matrix_of(gt_call *c, const gt_tensor *t, int64_t rows, int64_t columns,
                           int64_t row_stride, int64_t column_stride, gt_matrix *out,
                           int64_t *batch_stride) {
  bool plain = (column_stride == 1 || columns == 1) && (row_stride >= columns || rows == 1);
  bool transposed = (row_stride == 1 || rows == 1) && (column_stride >= rows || columns == 1);
  int n = t->ndim > 2 ? t->ndim - 2 : 0;
  memcpy(batch_stride, t->stride, sizeof(int64_t) * (size_t)n);
  if (plain || transposed) {
    int64_t lowest = plain ? columns : rows, ld = plain ? row_stride : column_stride;
    *out = (gt_matrix){gt_data(t), gt_max(ld, lowest), !plain, gt_gemm_is_bf16(c)};
    return GT_OK;
  }
  size_t size = gt_dtype_size(t->dtype);
  int64_t stride[GT_MAX_DIM];
  void *copy;
  GT_TRY(gt_scratch(c->cx, c->device, (size_t)gt_count(t) * size, &copy));
  gt_row_major(t->ndim, t->shape, stride);
  gt_strided_copy(c->cx, size, t->ndim, t->shape, copy, stride, gt_data(t), t->stride);
  memcpy(batch_stride, stride, sizeof(int64_t) * (size_t)n);
  *out = (gt_matrix){copy, columns, false, gt_gemm_is_bf16(c)};
  return GT_OK;
}

/* Strides of an operand's batch dimensions in the broadcast batch; 0 where it is repeated. */
static void spread_strides(const gt_tensor *t, int ndim, int64_t *stride) {
  int own = t->ndim > 2 ? t->ndim - 2 : 0;
  for (int d = ndim - 1; d >= 0; d--) {
    int from = d - (ndim - own);
    stride[d] = from < 0 || t->shape[from] == 1 ? 0 : stride[from];
  }
}

/* A batch on the left whose rows lie evenly in memory, one matrix on the right: one product. */
static void fold_batch(product *p) {
  int64_t step = p->a.ld * p->M;
  if (p->a.transposed) return;
  for (int d = p->batch_ndim - 1; d >= 0; d--) {
    if (p->b_batch[d] != 0 || (p->batch_shape[d] > 1 && p->a_batch[d] != step)) return;
    step *= p->batch_shape[d];
  }
  p->M *= p->batches;
  p->batches = 1;
  p->batch_ndim = 0;
}

static gt_status plan(gt_call *c, product *p) {
  const gt_tensor *a = c->in[A], *b = c->in[B];
  bool row = a->ndim == 1, column = b->ndim == 1; /* a vector is taken as a row, or a column */
  p->batches = 1;
  p->batch_ndim = c->out[0]->ndim - !row - !column;
  for (int d = 0; d < p->batch_ndim; d++) p->batches *= p->batch_shape[d] = c->out[0]->shape[d];
  p->K = a->shape[a->ndim - 1];
  p->M = row ? 1 : a->shape[a->ndim - 2];
  p->N = column ? 1 : b->shape[b->ndim - 1];
  GT_TRY(matrix_of(c, a, p->M, p->K, row ? p->K : a->stride[a->ndim - 2], a->stride[a->ndim - 1],
                   &p->a, p->a_batch));
  GT_TRY(matrix_of(c, b, p->K, p->N, b->stride[column ? 0 : b->ndim - 2],
                   column ? 1 : b->stride[b->ndim - 1], &p->b, p->b_batch));
  spread_strides(a, p->batch_ndim, p->a_batch);
  spread_strides(b, p->batch_ndim, p->b_batch);
  if (p->batches > 1) fold_batch(p);
  return GT_OK;
}

/* The operands of product number i. */
static void operands(const product *p, int64_t i, gt_matrix *a, gt_matrix *b, void **c) {
  int64_t size = (int64_t)gt_dtype_size(p->dtype), rest = i, a_at = 0, b_at = 0;
  for (int d = p->batch_ndim - 1; d >= 0; d--) {
    int64_t at = rest % p->batch_shape[d];
    rest /= p->batch_shape[d];
    a_at += at * p->a_batch[d];
    b_at += at * p->b_batch[d];
  }
  *a = p->a;
  *b = p->b;
  a->data = (const char *)p->a.data + a_at * size;
  b->data = (const char *)p->b.data + b_at * size;
  *c = p->c + i * p->M * p->N * size;
}

static void multiply_batches(void *argument, int64_t begin, int64_t end) {
  const product *p = argument;
  for (int64_t i = begin; i < end; i++) {
    gt_matrix a, b;
    void *to;
    operands(p, i, &a, &b, &to);
    gt_gemm(p->cx, p->dtype, p->M, p->N, p->K, a, b, false, to, p->N);
  }
}

/* Rows [begin, end) of all products of whole numbers; sums wrap. */
static void multiply_integers(void *argument, int64_t begin, int64_t end) {
  const product *p = argument;
  for (int64_t line = begin; line < end; line++) {
    gt_matrix a, b;
    void *to;
    operands(p, line / p->M, &a, &b, &to);
    int64_t i = line % p->M, *c = (int64_t *)to + i * p->N;
    const int64_t *x = a.data, *y = b.data;
    memset(c, 0, (size_t)p->N * sizeof *c);
    for (int64_t k = 0; k < p->K; k++) {
      int64_t factor = a.transposed ? x[k * a.ld + i] : x[i * a.ld + k];
      for (int64_t j = 0; j < p->N; j++) {
        int64_t term = gt_times_i64(factor, b.transposed ? y[j * b.ld + k] : y[k * b.ld + j]);
        c[j] = gt_plus_i64(c[j], term);
      }
    }
  }
}

gt_status gt_cpu_matmul_forward(gt_call *c) {
  gt_dtype dtype = gt_gemm_is_bf16(c) ? GT_BF16 : c->dtype; /* of C, and of A and B */
  product p = {.cx = c->cx, .dtype = dtype, .c = gt_data(c->out[0])};
  if (gt_count(c->out[0]) == 0) return GT_OK;
  GT_TRY(plan(c, &p));
  int64_t work = p.M * p.N * (p.K ? p.K : 1);
  if (c->dtype == GT_I64) {
    gt_parallel(c->cx, p.batches * p.M, GRAIN / (work / p.M) + 1, multiply_integers, &p);
  } else if (p.batches > 1 && work <= SMALL) {
    gt_parallel(c->cx, p.batches, GRAIN / work + 1, multiply_batches, &p);
  } else {
    for (int64_t i = 0; i < p.batches; i++) {
      gt_matrix a, b;
      void *to;
      operands(&p, i, &a, &b, &to);
      gt_gemm(c->cx, dtype, p.M, p.N, p.K, a, b, false, to, p.N);
    }
  }
  return GT_OK;
}
