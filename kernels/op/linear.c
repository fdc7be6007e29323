/* linear: y = x W^T + b with x (..., in), W (out, in), b (out).
 *   dx = dy W;  dW = dy^T x;  db = the column sums of dy, as 1^T dy.
 * y has x's dtype: the activations decide, f32 master weights may meet bf16 activations. */
#include "kernels/cpu/convert.h"
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/gemm.h"

static gt_status infer(gt_call *c) {
  const gt_spec *x = &c->in_spec[0], *w = &c->in_spec[1], *b = &c->in_spec[2];
  char x_text[GT_SHAPE_TEXT], w_text[GT_SHAPE_TEXT];
  for (int i = 0; i < 3; i++) {
    if (c->in[i] != NULL && !gt_dtype_is_float(c->in_spec[i].dtype))
      return gt_fail(c->cx, GT_EDTYPE, "linear: expected floating-point tensors, got %s",
                     gt_dtype_name(c->in_spec[i].dtype));
  }
  if (w->ndim != 2)
    return gt_fail(c->cx, GT_ESHAPE, "linear: expected weight (out, in), got %s",
                   gt_shape_text(w, w_text));
  if (x->ndim == 0 || x->shape[x->ndim - 1] != w->shape[1])
    return gt_fail(c->cx, GT_ESHAPE, "linear: expected x (..., %lld) for weight %s, got %s",
                   (long long)w->shape[1], gt_shape_text(w, w_text), gt_shape_text(x, x_text));
  if (c->in[2] != NULL && (b->ndim != 1 || b->shape[0] != w->shape[0]))
    return gt_fail(c->cx, GT_ESHAPE, "linear: expected bias (%lld) for weight %s, got %s",
                   (long long)w->shape[0], gt_shape_text(w, w_text), gt_shape_text(b, x_text));
  int64_t shape[GT_MAX_DIM];
  memcpy(shape, x->shape, sizeof shape);
  shape[x->ndim - 1] = w->shape[0];
  return gt_out_spec(c, 0, x->dtype, x->ndim, shape);
}

typedef struct sizes {
  int64_t rows, in, out;
} sizes;

static sizes sizes_of(const gt_call *c) {
  const gt_spec *x = &c->in_spec[0], *w = &c->in_spec[1];
  sizes s = {.rows = 1, .in = w->shape[1], .out = w->shape[0]};
  for (int d = 0; d + 1 < x->ndim; d++) s.rows *= x->shape[d];
  return s;
}

typedef struct repeat {
  const char *row;
  char *to;
  size_t bytes;
} repeat;

/* Rows [begin, end) of `to` become copies of `row`. */
static void repeat_rows(void *argument, int64_t begin, int64_t end) {
  const repeat *r = argument;
  for (int64_t i = begin; i < end; i++) memcpy(r->to + (size_t)i * r->bytes, r->row, r->bytes);
}

/* Of y, dx and dW. */
static gt_dtype dtype_of(const gt_call *c) { return gt_gemm_is_bf16(c) ? GT_BF16 : c->dtype; }

/* Bytes for the weight's gradient. */
static size_t scratch(const gt_call *c, bool backward) {
  sizes s = sizes_of(c);
  return backward ? gt_gemm_gradient_scratch(dtype_of(c), s.out, s.in, s.rows) : 0;
}

static gt_status bias_rows(gt_call *c, sizes s) {
  gt_dtype dtype = dtype_of(c);
  repeat r = {gt_data(c->in[2]), gt_data(c->out[0]), (size_t)s.out * gt_dtype_size(dtype)};
  if (c->in[2]->dtype != dtype) {
    void *row;
    GT_TRY(gt_scratch(c->cx, c->device, r.bytes, &row));
    gt_convert(row, dtype, r.row, c->in[2]->dtype, s.out);
    r.row = row;
  }
  gt_parallel(c->cx, s.rows, 1 + GT_MAP_GRAIN / (s.out + 1), repeat_rows, &r);
  return GT_OK;
}

static gt_status forward(gt_call *c) {
  sizes s = sizes_of(c);
  gt_matrix x = {gt_data(c->in[0]), s.in, false, gt_gemm_is_bf16(c)};
  gt_matrix w = {gt_data(c->in[1]), s.in, true, gt_gemm_is_bf16(c)};
  bool bias = c->in[2] != NULL;
  if (bias) GT_TRY(bias_rows(c, s));
  gt_gemm(c->cx, dtype_of(c), s.rows, s.out, s.in, x, w, bias, gt_data(c->out[0]), s.out);
  return GT_OK;
}

static gt_status bias_gradient(gt_call *c, sizes s, gt_matrix dy) {
  void *ones, *sums;
  size_t size = gt_dtype_size(c->dtype);
  GT_TRY(gt_scratch(c->cx, c->device, (size_t)s.rows * size, &ones));
  GT_TRY(gt_scratch(c->cx, c->device, (size_t)s.out * size, &sums));
  gt_tensor *db = c->gin[2];
  for (int64_t i = 0; i < s.rows; i++) {
    if (gt_gemm_is_bf16(c))
      ((uint16_t *)ones)[i] = gt_to_bf16(1);
    else if (c->dtype == GT_F64)
      ((double *)ones)[i] = 1;
    else
      ((float *)ones)[i] = 1;
  }
  if (c->accumulate[2]) gt_convert(sums, c->dtype, gt_data(db), db->dtype, s.out);
  gt_matrix row = {ones, s.rows, false, dy.bf16};
  gt_gemm(c->cx, c->dtype, 1, s.out, s.rows, row, dy, c->accumulate[2], sums, s.out);
  gt_convert(gt_data(db), db->dtype, sums, c->dtype, s.out);
  return GT_OK;
}

static gt_status backward(gt_call *c) {
  sizes s = sizes_of(c);
  gt_matrix dy = {gt_data(c->gout[0]), s.out, false, gt_gemm_is_bf16(c)};
  if (c->gin[0] != NULL) {
    gt_matrix w = {gt_data(c->in[1]), s.in, false, gt_gemm_is_bf16(c)};
    gt_gemm(c->cx, dtype_of(c), s.rows, s.in, s.out, dy, w, c->accumulate[0], gt_data(c->gin[0]),
            s.in);
  }
  if (c->gin[1] != NULL) {
    gt_matrix x = {gt_data(c->in[0]), s.in, false, gt_gemm_is_bf16(c)};
    GT_TRY(gt_gemm_gradient(c, dtype_of(c), s.out, s.in, s.rows, dy, x, c->accumulate[1],
                            gt_data(c->gin[1])));
  }
  return c->gin[2] != NULL ? bias_gradient(c, s, dy) : GT_OK;
}

const gt_op gt_op_linear = {
    .name = "linear",
    .doc = "x (..., in) times the transpose of weight (out, in), plus bias (out)",
    .inputs = "x, weight, bias?",
    .where = "F",
    .nin = 3,
    .nout = 1,
    .autocast = true,
    .compute = GT_REALS,
    .direct = gt_gemm_is_bf16,
    .numeric = 7,
    .differentiable = 7,
    .save_in = 3,
    .save_crossed = 3,
    .infer = infer,
    .scratch = scratch,
    .forward = forward,
    .backward = backward,
};
