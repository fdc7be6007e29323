/* matmul: matrix products with the shape rules of torch.matmul: 1-d operands are vectors (their
 * extra dimension disappears again), leading dimensions are batches and broadcast.
 *
 * Operands may have any strides: transposed views are multiplied as they are; a batch on the left
 * with one matrix on the right is one tall product. */
#include "core/tensor/strided.h"
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/gemm.h"
#include "kernels/op/geometry.h"
#include "kernels/op/rule.h"

#include <stdio.h>

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

/* Number of batch dimensions. */
static int batch_dims(const gt_spec *x) { return x->ndim > 2 ? x->ndim - 2 : 0; }

static gt_status fail_shapes(gt_call *c, const char *what) {
  char a[GT_SHAPE_TEXT], b[GT_SHAPE_TEXT];
  return gt_fail(c->cx, GT_ESHAPE, "matmul: expected %s [a: %s, b: %s]", what,
                 gt_shape_text(&c->in_spec[A], a), gt_shape_text(&c->in_spec[B], b));
}

static gt_status check(gt_call *c) {
  const gt_spec *a = &c->in_spec[A], *b = &c->in_spec[B];
  if (a->ndim == 0 || b->ndim == 0) return fail_shapes(c, "at least 1 dimension");
  if (a->dtype != b->dtype)
    return gt_fail(c->cx, GT_EDTYPE, "matmul: expected both to have one dtype, got %s and %s",
                   gt_dtype_name(a->dtype), gt_dtype_name(b->dtype));
  if (a->dtype == GT_BOOL) return gt_fail(c->cx, GT_EDTYPE, "matmul: expected numbers, got bool");
  int64_t columns = a->shape[a->ndim - 1], rows = b->shape[b->ndim > 1 ? b->ndim - 2 : 0];
  if (columns == rows) return GT_OK;
  char what[128];
  snprintf(what, sizeof what, "a's last dimension (%lld) to match b's %s (%lld)",
           (long long)columns, b->ndim > 1 ? "second-to-last" : "only one", (long long)rows);
  return fail_shapes(c, what);
}

/* The broadcast shape of the batch dimensions. */
static gt_status batch_shape(gt_call *c, int *ndim, int64_t *shape) {
  const gt_spec *a = &c->in_spec[A], *b = &c->in_spec[B];
  int a_dims = batch_dims(a), b_dims = batch_dims(b), n = a_dims > b_dims ? a_dims : b_dims;
  for (int d = 0; d < n; d++) {
    int64_t i = d < n - a_dims ? 1 : a->shape[d - (n - a_dims)];
    int64_t j = d < n - b_dims ? 1 : b->shape[d - (n - b_dims)];
    if (i != j && i != 1 && j != 1) return fail_shapes(c, "batch dimensions that broadcast");
    shape[d] = i == 1 ? j : i;
  }
  *ndim = n;
  return GT_OK;
}

static gt_status infer(gt_call *c) {
  const gt_spec *a = &c->in_spec[A], *b = &c->in_spec[B];
  int n;
  int64_t shape[GT_MAX_DIM];
  GT_TRY(check(c));
  GT_TRY(batch_shape(c, &n, shape));
  if (a->ndim > 1) shape[n++] = a->shape[a->ndim - 2];
  if (b->ndim > 1) shape[n++] = b->shape[b->ndim - 1];
  return gt_out_spec(c, 0, a->dtype, n, shape);
}

/* The matrices of t (ndim >= 2) as gt_gemm takes them; a contiguous copy where it cannot. */
static gt_status matrix_of(gt_call *c, const gt_tensor *t, int64_t rows, int64_t columns,
                           int64_t row_stride, int64_t column_stride, gt_matrix *out,
                           int64_t *batch_stride) {
  bool plain = (column_stride == 1 || columns == 1) && (row_stride >= columns || rows == 1);
  bool turned = (row_stride == 1 || rows == 1) && (column_stride >= rows || columns == 1);
  int n = batch_dims(&(gt_spec){.ndim = t->ndim});
  memcpy(batch_stride, t->stride, sizeof(int64_t) * (size_t)n);
  if (plain || turned) {
    int64_t least = plain ? columns : rows, ld = plain ? row_stride : column_stride;
    *out = (gt_matrix){gt_data(t), ld > least ? ld : least, !plain, false};
    return GT_OK;
  }
  size_t size = gt_dtype_size(t->dtype);
  int64_t stride[GT_MAX_DIM];
  void *copy;
  GT_TRY(gt_scratch(c->cx, c->device, (size_t)gt_count(t) * size, &copy));
  gt_row_major(t->ndim, t->shape, stride);
  gt_strided_copy(c->cx, size, t->ndim, t->shape, copy, stride, gt_data(t), t->stride);
  memcpy(batch_stride, stride, sizeof(int64_t) * (size_t)n);
  *out = (gt_matrix){copy, columns, false, false};
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
  bool row = a->ndim == 1, column = b->ndim == 1; /* a vector stands for a row, or a column */
  GT_TRY(batch_shape(c, &p->batch_ndim, p->batch_shape));
  p->batches = 1;
  for (int d = 0; d < p->batch_ndim; d++) p->batches *= p->batch_shape[d];
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

static gt_status forward(gt_call *c) {
  product p = {.cx = c->cx, .dtype = c->dtype, .c = gt_data(c->out[0])};
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
      gt_gemm(c->cx, c->dtype, p.M, p.N, p.K, a, b, false, to, p.N);
    }
  }
  return GT_OK;
}

static gt_tensor *add_dim(gt_frame *f, gt_tensor *x, int64_t dim) {
  return gt_op1_with(f, "unsqueeze", x, GT_ARGS({"dim", GT_INT(dim)}));
}

static gt_tensor *turn(gt_frame *f, gt_tensor *x) {
  return gt_op1_with(f, "transpose", x, GT_ARGS({"dim0", GT_INT(-2)}, {"dim1", GT_INT(-1)}));
}

static gt_tensor *as_rows(gt_frame *f, gt_tensor *x, int64_t rows, int64_t columns) {
  return gt_op1_with(f, "reshape", x, GT_ARGS({"shape", GT_DIMS2(rows, columns)}));
}

/* dA = dC B^T, dB = A^T dC, each summed over the batches it was repeated in. */
static gt_status rule(gt_call *c) {
  gt_frame f = {.cx = c->cx};
  const gt_spec *a_spec = &c->in_spec[A], *b_spec = &c->in_spec[B];
  bool row = a_spec->ndim == 1, column = b_spec->ndim == 1;
  gt_tensor *g = c->gout[0];
  if (column) g = add_dim(&f, g, -1);
  if (row) g = add_dim(&f, g, -2);
  if (c->want[A]) {
    gt_tensor *b = column ? add_dim(&f, c->in[B], 1) : c->in[B];
    gt_give(&f, c, A, gt_op2(&f, "matmul", g, turn(&f, b)));
  }
  if (c->want[B]) {
    gt_tensor *a = row ? add_dim(&f, c->in[A], 0) : c->in[A];
    if (a_spec->ndim > 2 && b_spec->ndim <= 2) { /* one tall product instead of a sum of many */
      int64_t K = a_spec->shape[a_spec->ndim - 1], N = column ? 1 : b_spec->shape[1], rows = 1;
      for (int d = 0; d < a_spec->ndim - 1; d++) rows *= a_spec->shape[d];
      a = as_rows(&f, a, rows, K);
      g = as_rows(&f, g, rows, N);
    }
    gt_tensor *db = gt_op2(&f, "matmul", turn(&f, a), g);
    if (column) db = gt_op1_with(&f, "squeeze", db, GT_ARGS({"dim", GT_DIMS1(-1)}));
    gt_give(&f, c, B, db);
  }
  return gt_frame_end(&f);
}

const gt_op gt_op_matmul = {
    .name = "matmul",
    .doc = "matrix product; 1-d operands are vectors, leading dimensions are batches",
    .inputs = "a, b",
    .where = "method",
    .nin = 2,
    .nout = 1,
    .autocast = true,
    .compute = GT_NUMBERS,
    .numeric = 3,
    .strided = 3,
    .differentiable = 3,
    .save_in = 3,
    .save_crossed = 3,
    .infer = infer,
    .forward = forward,
    .rule = rule,
};
