/* all: true where no element is zero, over dimensions; true of nothing. */
#ifndef real
#include "kernels/cpu/reduce.h"

#define GT_TYPED_I64
#include "kernels/op/typed.h"

/* Of u8 the answer is u8, as in PyTorch, which has it from before there was a bool. */
static gt_status infer(gt_call *c) {
  return gt_out_reduced(c, 0, c->in_spec[0].dtype == GT_U8 ? GT_U8 : GT_BOOL);
}

static gt_partial combine(gt_partial a, gt_partial b) {
  a.i &= b.i;
  return a;
}

static gt_status forward(gt_call *c) {
  unsigned dims;
  GT_TRY(gt_reduced_dims(c, &dims));
  gt_reducer r = {GT_PICK(c, part), combine, GT_PICK(c, finish)};
  return gt_cpu_reduce(c, dims, &r);
}

static const gt_setting attrs[] = {GT_REDUCE_ATTRS};

const gt_op gt_op_all = {
    .name = "all",
    .doc = "true where no element is zero, over dimensions",
    .inputs = "x",
    .where = "method",
    .nin = 1,
    .nout = 1,
    .compute = GT_NUMBERS,
    .numeric = 1,
    .attrs = attrs,
    .attr_count = GT_COUNT(attrs),
    .infer = infer,
    .forward = forward,
};

#else
static gt_partial T(part)(const void *data, int64_t n, int64_t at, const gt_value *attr) {
  const real *x = data;
  int found = 0;
  (void)at, (void)attr;
  for (int64_t i = 0; i < n; i++) found |= x[i] == 0;
  return (gt_partial){.i = !found};
}

static void T(finish)(gt_call *c, gt_partial p, int64_t n, int64_t index) {
  ((real *)gt_data(c->out[0]))[index] = (real)(n == 0 || p.i);
}
#endif
