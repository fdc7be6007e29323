/* layer_norm: y = (x - mean) r w + b over the last axis, r = 1 / sqrt(mean((x - mean)^2) + eps).
 *
 * With n = (x - mean) r and g = w dy:
 *   dx = r (g - mean(g) - n mean(g n)),  dw = sum over rows of n dy,  db = sum over rows of dy.
 * (Ba, Kiros and Hinton, Layer Normalization, 2016.) */
#include "kernels/cpu/kernels.h"
#include "kernels/op/attributes.h"

static gt_status check_vector(gt_call *c, int input, const char *name) {
  char got[GT_SHAPE_TEXT], of[GT_SHAPE_TEXT];
  const gt_spec *x = &c->in_spec[0], *v = &c->in_spec[input];
  if (c->in[input] == NULL || (v->ndim == 1 && v->shape[0] == x->shape[x->ndim - 1])) return GT_OK;
  return gt_fail(c->cx, GT_ESHAPE,
                 "layer_norm: expected a %s as long as the last dimension of x %s, got %s", name,
                 gt_shape_text(x, of), gt_shape_text(v, got));
}

static gt_status infer(gt_call *c) {
  const gt_spec *x = &c->in_spec[0];
  if (!gt_dtype_is_float(x->dtype))
    return gt_fail(c->cx, GT_EDTYPE, "layer_norm: expected a floating-point x, got %s",
                   gt_dtype_name(x->dtype));
  if (x->ndim == 0)
    return gt_fail(c->cx, GT_ESHAPE, "layer_norm: expected x with at least 1 dimension, got ()");
  GT_TRY(check_vector(c, 1, "weight"));
  GT_TRY(check_vector(c, 2, "bias"));
  return gt_out_like(c, 0, 0);
}

static const gt_setting attrs[] = {
    {.name = "eps",
     .type = GT_SETTING_FLOAT,
     .preset = {.given = true, .f = 1e-5},
     .doc = "added to the variance"},
};

const gt_op gt_op_layer_norm = {
    .name = "layer_norm",
    .doc = "(x - mean) / sqrt(variance + eps) * weight + bias over the last dimension",
    .inputs = "x, weight?, bias?",
    .where = "",
    .nin = 3,
    .nout = 1,
    .compute = GT_REALS,
    .numeric = 7,
    .differentiable = 7,
    .save_in = 3,
    .attrs = attrs,
    .attr_count = GT_COUNT(attrs),
    .infer = infer,
    .forward = gt_cpu_layer_norm_forward,
    .backward = gt_cpu_layer_norm_backward,
};
