/* truth.c: see truth.h.  A part knows whether a zero (of all), or anything else (of any), was
 * found. */
#ifndef real
#include "kernels/cpu/truth.h"

#define GT_TYPED_I64
#include "kernels/op/typed.h"

static gt_partial combine(gt_partial a, gt_partial b) {
  a.i |= b.i;
  return a;
}

gt_status gt_cpu_truth(gt_call *c, bool all) {
  unsigned dims;
  GT_TRY(gt_reduced_dims(c, &dims));
  gt_reducer zero = {GT_PICK(c, has_zero), combine, GT_PICK(c, finish_all)};
  gt_reducer other = {GT_PICK(c, has_other), combine, GT_PICK(c, finish_any)};
  return gt_cpu_reduce(c, dims, all ? &zero : &other);
}

#else
static gt_partial T(has_zero)(const void *data, int64_t n, int64_t at, const gt_value *attr) {
  const real *x = data;
  int found = 0;
  (void)at, (void)attr;
  for (int64_t i = 0; i < n; i++) found |= x[i] == 0;
  return (gt_partial){.i = found};
}

static gt_partial T(has_other)(const void *data, int64_t n, int64_t at, const gt_value *attr) {
  const real *x = data;
  int found = 0;
  (void)at, (void)attr;
  for (int64_t i = 0; i < n; i++) found |= x[i] != 0;
  return (gt_partial){.i = found};
}

/* Of nothing the partial is zero: nothing was found. */
static void T(finish_any)(gt_call *c, gt_partial p, int64_t n, int64_t index) {
  (void)n;
  ((real *)gt_data(c->out[0]))[index] = (real)p.i;
}

static void T(finish_all)(gt_call *c, gt_partial p, int64_t n, int64_t index) {
  (void)n;
  ((real *)gt_data(c->out[0]))[index] = (real)!p.i;
}
#endif
