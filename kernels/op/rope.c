/* rope: rotary position embedding of x (B, T, H, D), half-split, with tables cos, sin (1, T', 1,
 * R/2).
 *
 *   y[i] = x[i] cos + x[i + R/2] sin,   y[i + R/2] = -x[i] sin + x[i + R/2] cos,   i < R/2
 *
 * Channels from R on pass through (R = D unless `dims` says otherwise).  The gradient rotates back:
 * the matrix is transposed.  `norm` adds the parameter-free RMS normalisation over D (rms.h) before
 * or after the rotation: QK-norm.  The backward recomputes the rotated row it needs.
 * The tables may have any floating-point dtype; products and sums are rounded one by one, so the
 * result has the bits of the same formula in elementary ops.  (Su et al., RoFormer, 2021.) */
#include "kernels/cpu/kernels.h"
#include "kernels/op/attributes.h"

static gt_status check_table(gt_call *c, int input, int64_t half) {
  const gt_spec *x = &c->in_spec[0], *table = &c->in_spec[input];
  const char *name = input == 1 ? "cos" : "sin";
  char text[GT_SHAPE_TEXT];
  if (!gt_dtype_is_float(table->dtype))
    return gt_fail(c->cx, GT_EDTYPE, "rope: expected a floating-point %s, got %s", name,
                   gt_dtype_name(table->dtype));
  if (table->ndim != 4 || table->shape[0] != 1 || table->shape[2] != 1 || table->shape[3] != half)
    return gt_fail(c->cx, GT_ESHAPE, "rope: expected %s (1, T, 1, %lld), got %s", name,
                   (long long)half, gt_shape_text(table, text));
  if (table->shape[1] < x->shape[1])
    return gt_fail(c->cx, GT_ESHAPE, "rope: expected %s for at least %lld positions, got %lld",
                   name, (long long)x->shape[1], (long long)table->shape[1]);
  return GT_OK;
}

static gt_status infer(gt_call *c) {
  const gt_spec *x = &c->in_spec[0];
  char text[GT_SHAPE_TEXT];
  if (!gt_dtype_is_float(x->dtype))
    return gt_fail(c->cx, GT_EDTYPE, "rope: expected a floating-point x, got %s",
                   gt_dtype_name(x->dtype));
  if (x->ndim != 4)
    return gt_fail(c->cx, GT_ESHAPE, "rope: expected x (B, T, H, D), got %s",
                   gt_shape_text(x, text));
  int64_t dims = c->attr[GT_ROPE_DIMS].given ? c->attr[GT_ROPE_DIMS].i : x->shape[3];
  if (dims < 0 || dims % 2 != 0 || dims > x->shape[3])
    return gt_fail(c->cx, GT_ESHAPE,
                   "rope: expected an even number of channels up to %lld, got %lld",
                   (long long)x->shape[3], (long long)dims);
  GT_TRY(check_table(c, 1, dims / 2));
  GT_TRY(check_table(c, 2, dims / 2));
  return gt_out_like(c, 0, 0);
}

static const gt_setting attrs[] = {
    {.name = "norm",
     .type = GT_SETTING_CHOICE,
     .choices = "none|after|before",
     .doc = "RMS-normalise each head after or before the rotation"},
    {.name = "eps",
     .type = GT_SETTING_FLOAT,
     .doc = "of norm; if not given the machine epsilon, as in rms_norm"},
    {.name = "dims",
     .type = GT_SETTING_INT,
     .doc = "rotate only the first `dims` channels; all if not given"},
};

const gt_op gt_op_rope = {
    .name = "rope",
    .doc = "rotary position embedding of x (B, T, H, D) with tables cos, sin (1, T, 1, D/2)",
    .inputs = "x, cos, sin",
    .where = "F",
    .nin = 3,
    .nout = 1,
    .compute = GT_REALS,
    .numeric = 1,
    .differentiable = 1,
    .save_in = 7,
    .attrs = attrs,
    .attr_count = GT_COUNT(attrs),
    .infer = infer,
    .forward = gt_cpu_rope_forward,
    .backward = gt_cpu_rope_backward,
};
