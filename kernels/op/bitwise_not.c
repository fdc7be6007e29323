/* bitwise_not: ~x for integers, logical not for bool. */
#include "kernels/cpu/cpu.h"

static void row(int64_t n, const void *const *in, void *out, const gt_value *attr) {
  const int64_t *x = in[0];
  int64_t *y = out;
  (void)attr;
  GT_IVDEP for (int64_t i = 0; i < n; i++) y[i] = ~x[i];
}

static void row_bool(int64_t n, const void *const *in, void *out, const gt_value *attr) {
  const int64_t *x = in[0];
  int64_t *y = out;
  (void)attr;
  GT_IVDEP for (int64_t i = 0; i < n; i++) y[i] = !x[i];
}

static gt_status forward(gt_call *c) {
  return gt_cpu_map(c, c->in_spec[0].dtype == GT_BOOL ? row_bool : row);
}

const gt_op gt_op_bitwise_not = {
    .name = "bitwise_not",
    .doc = "~x for integers, logical not for bool",
    .inputs = "x",
    .where = "method",
    .nin = 1,
    .nout = 1,
    .compute = GT_NUMBERS,
    .numeric = 1,
    .strided = 1,
    .any_dtype = true,
    .elementwise = true,
    .infer = gt_infer_bits,
    .forward = forward,
};
