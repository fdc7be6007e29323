/* masked_fill: y = value where the mask holds, else x; in x's dtype.  dx = dy outside the mask,
 * dvalue = the sum of dy inside. */
#ifndef real
enum { X, MASK, VALUE };

#include "kernels/op/numbers.h"

static gt_status infer(gt_call *c) {
  gt_dtype dtype = c->in_spec[X].dtype, mask = c->in_spec[MASK].dtype;
  if (mask != GT_BOOL) {
    return gt_fail(c->cx, GT_EDTYPE, "masked_fill: expected a bool mask, got %s",
                   gt_dtype_name(mask));
  }
  if (c->in_spec[VALUE].ndim != 0) {
    char text[GT_SHAPE_TEXT];
    return gt_fail(c->cx, GT_ESHAPE, "masked_fill: expected one value, got shape %s",
                   gt_shape_text(&c->in_spec[VALUE], text));
  }
  if (!gt_dtype_is_float(dtype) && gt_dtype_is_float(c->in_spec[VALUE].dtype)) {
    return gt_fail(c->cx, GT_EDTYPE, "masked_fill: a %s tensor cannot hold a value with a fraction",
                   gt_dtype_name(dtype));
  }
  GT_TRY(gt_out_broadcast(c, 0, X, MASK, dtype));
  return gt_check_number(c, VALUE);
}

static gt_status forward(gt_call *c) { return gt_cpu_map(c, GT_PICK(c, loop)); }

static gt_status rule(gt_call *c) {
  gt_frame f = {.cx = c->cx};
  gt_tensor *g = c->gout[0], *mask = c->in[MASK], *zero = gt_number(&f, 0);
  if (c->want[X]) gt_give(&f, c, X, gt_op3(&f, "where", mask, zero, g));
  if (c->want[VALUE]) gt_give(&f, c, VALUE, gt_op3(&f, "where", mask, g, zero));
  return gt_frame_end(&f);
}

GT_ROW(masked_fill, 3, .doc = "value where mask holds, else x", .inputs = "x, mask, value",
       .numeric = 5, .truth = 1u << VALUE, .differentiable = 5, .save_in = 2, .infer = infer,
       .forward = forward, .rule = rule);

#else
static void T(loop)(int64_t n, const void *const *in, void *out, const gt_value *attr) {
  const real *x = (const real *)in[X], *value = (const real *)in[VALUE];
  const uint8_t *mask = (const uint8_t *)in[MASK];
  real *y = (real *)out;
  (void)attr;
  GT_IVDEP for (int64_t i = 0; i < n; i++) y[i] = mask[i] ? value[i] : x[i];
}
#endif
