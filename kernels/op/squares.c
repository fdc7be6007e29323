/* squares: the sums of squares of tensors: of all their elements, and of each.
 *
 * Every chunk sums into 16 lanes of doubles; the chunks, whose borders depend on the sizes only,
 * are added in order. */
#include "core/tensor/op.h"
#include "core/tensor/pool.h"
#include "kernels/cpu/convert.h"

enum { TOTAL, EACH };
enum { LANES = 16, BLOCK = 1024, CHUNK = 1 << 13 };

typedef struct job {
  const gt_tensor *t;
  double *partial; /* (chunks) */
} job;

static gt_status infer(gt_call *c) {
  int64_t n = c->nin;
  for (int i = 0; i < c->nin; i++) {
    if (!gt_dtype_is_float(c->in_spec[i].dtype))
      return gt_fail(c->cx, GT_EDTYPE, "squares: expected float tensors, got %s",
                     gt_dtype_name(c->in_spec[i].dtype));
  }
  GT_TRY(gt_out_spec(c, TOTAL, GT_F64, 0, NULL));
  return gt_out_spec(c, EACH, GT_F64, 1, &n);
}

static double squares_f32(const float *x /* (n) */, int64_t n) {
  double lane[LANES] = {0};
  int64_t i = 0;
  for (; i + LANES <= n; i += LANES) {
    for (int j = 0; j < LANES; j++) lane[j] += (double)x[i + j] * (double)x[i + j];
  }
  for (int j = 0; i + j < n; j++) lane[j] += (double)x[i + j] * (double)x[i + j];
  for (int j = 1; j < LANES; j++) lane[0] += lane[j];
  return lane[0];
}

static double squares_f64(const double *x /* (n) */, int64_t n) {
  double lane[LANES] = {0};
  for (int64_t i = 0; i < n; i++) lane[i % LANES] += x[i] * x[i];
  for (int j = 1; j < LANES; j++) lane[0] += lane[j];
  return lane[0];
}

static double squares_half(const char *x, gt_dtype dtype, int64_t n) {
  float block[BLOCK];
  double sum = 0;
  for (int64_t at = 0; at < n; at += BLOCK) {
    int64_t count = n - at < BLOCK ? n - at : BLOCK;
    gt_convert(block, GT_F32, x + 2 * at, dtype, count);
    sum += squares_f32(block, count);
  }
  return sum;
}

static void sum_chunk(void *argument, int64_t begin, int64_t end) {
  const job *j = argument;
  gt_dtype dtype = j->t->dtype;
  const char *x = (const char *)gt_data(j->t) + (size_t)begin * gt_dtype_size(dtype);
  j->partial[begin / CHUNK] = dtype == GT_F32   ? squares_f32((const float *)x, end - begin)
                              : dtype == GT_F64 ? squares_f64((const double *)x, end - begin)
                                                : squares_half(x, dtype, end - begin);
}

static gt_status forward(gt_call *c) {
  double *total = gt_data(c->out[TOTAL]), *each = gt_data(c->out[EACH]);
  int64_t most = 1;
  for (int i = 0; i < c->nin; i++) {
    int64_t chunks = (gt_count(c->in[i]) + CHUNK - 1) / CHUNK;
    if (chunks > most) most = chunks;
  }
  void *partial;
  GT_TRY(gt_scratch(c->cx, c->device, (size_t)most * sizeof(double), &partial));
  *total = 0;
  for (int i = 0; i < c->nin; i++) {
    job j = {c->in[i], partial};
    int64_t n = gt_count(c->in[i]);
    gt_parallel(c->cx, n, CHUNK, sum_chunk, &j);
    GT_TRY(gt_poll(c->cx));
    each[i] = 0;
    for (int64_t k = 0; k < (n + CHUNK - 1) / CHUNK; k++) {
      *total += j.partial[k];
      each[i] += j.partial[k];
    }
  }
  return GT_OK;
}

const gt_op gt_op_squares = {
    .name = "squares",
    .doc = "sums of squares: of all tensors and of each",
    .inputs = "tensors...",
    .where = "",
    .nin = -1,
    .nout = 2,
    .compute = GT_BYTES,
    .infer = infer,
    .forward = forward,
};
