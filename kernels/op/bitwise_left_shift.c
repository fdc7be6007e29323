/* bitwise_left_shift: a << b, for integers.  Shifting by 64 or more, or by a negative count,
 * shifts everything out. */
#include "kernels/cpu/cpu.h"

static int64_t value(int64_t a, int64_t b) {
  if (b < 0 || b > 63) return 0;
  return (int64_t)((uint64_t)a << b);
}

static void row(int64_t n, const void *const *in, void *out, const gt_value *attr) {
  const int64_t *a = in[0], *b = in[1];
  int64_t *y = out;
  (void)attr;
  GT_IVDEP for (int64_t i = 0; i < n; i++) y[i] = value(a[i], b[i]);
}

static gt_status forward(gt_call *c) { return gt_cpu_map(c, row); }

const gt_op gt_op_bitwise_left_shift = {
    .name = "bitwise_left_shift",
    .doc = "a << b, for integers",
    .inputs = "a, b",
    .where = "method",
    .nin = 2,
    .nout = 1,
    .compute = GT_NUMBERS,
    .numeric = 3,
    .strided = 3,
    .any_dtype = true,
    .elementwise = true,
    .infer = gt_infer_bits,
    .forward = forward,
};
