/* matmul: matrix products with the shape rules of torch.matmul: 1-d operands are vectors (their
 * extra dimension disappears again), leading dimensions are batches and broadcast. */
#include "kernels/cpu/gemm.h"
#include "kernels/cpu/kernels.h"
#include "kernels/op/rule.h"

#include <stdio.h>

enum { A, B };
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
  int n = 0;
  int64_t shape[GT_MAX_DIM];
  GT_TRY(check(c));
  GT_TRY(batch_shape(c, &n, shape));
  if (a->ndim > 1) shape[n++] = a->shape[a->ndim - 2];
  if (b->ndim > 1) shape[n++] = b->shape[b->ndim - 1];
  return gt_out_spec(c, 0, a->dtype, n, shape);
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
    .direct = gt_gemm_is_bf16,
    .numeric = 3,
    .strided = 3,
    .differentiable = 3,
    .save_in = 3,
    .save_crossed = 3,
    .infer = infer,
    .forward = gt_cpu_matmul_forward,
    .rule = rule,
};
