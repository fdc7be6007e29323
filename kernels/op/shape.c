/* shape.c: see shape.h. */
#include "kernels/op/shape.h"

#include <math.h>
#include <stdio.h>

const gt_value *gt_attr_named(const gt_call *c, const char *name) {
  for (int k = 0; k < c->op->attr_count; k++) {
    if (strcmp(c->op->attrs[k].name, name) == 0) return &c->attr[k];
  }
  return NULL;
}

static unsigned all_inputs(const gt_call *c) { return (1u << c->nin) - 1; }

static gt_dtype real_of(gt_dtype dtype) { return gt_dtype_is_float(dtype) ? dtype : GT_F32; }

gt_status gt_infer_same(gt_call *c) { return gt_out_like(c, 0, 0); }

gt_status gt_infer_real(gt_call *c) {
  const gt_spec *x = &c->in_spec[0];
  return gt_out_spec(c, 0, real_of(x->dtype), x->ndim, x->shape);
}

gt_status gt_infer_arithmetic(gt_call *c) {
  return gt_out_broadcast(c, 0, 0, c->nin - 1, gt_result_type(c, all_inputs(c)));
}

gt_status gt_infer_arithmetic_real(gt_call *c) {
  return gt_out_broadcast(c, 0, 0, c->nin - 1, real_of(gt_result_type(c, all_inputs(c))));
}

gt_status gt_infer_predicate(gt_call *c) { return gt_out_broadcast(c, 0, 0, c->nin - 1, GT_BOOL); }

gt_status gt_infer_bits(gt_call *c) {
  for (int k = 0; k < c->nin; k++) {
    gt_dtype dtype = c->in_spec[k].dtype;
    if (gt_dtype_is_float(dtype)) {
      return gt_fail(c->cx, GT_EDTYPE, "%s: expected integers or bool, got %s", c->op->name,
                     gt_dtype_name(dtype));
    }
  }
  return gt_infer_arithmetic(c);
}

gt_status gt_check_number(gt_call *c, int i) {
  const gt_tensor *t = c->in[i];
  if (t->ndim > 0 || !gt_device_of(t)->host) return GT_OK;
  return gt_check_scalar(c->cx, c->op->name, c->spec[0].dtype,
                         gt_load_scalar(gt_data(t), t->dtype));
}

gt_status gt_check_factor(gt_call *c, const char *name, double factor) {
  gt_dtype dtype = c->spec[0].dtype;
  if (gt_dtype_is_float(dtype)) return GT_OK;
  if (factor == floor(factor)) {
    char what[48];
    int64_t low, high;
    gt_dtype_range(dtype, &low, &high);
    snprintf(what, sizeof what, "%s: %s", c->op->name, name);
    /* Minus one subtracts from unsigned numbers, too. */
    return gt_check_scalar(c->cx, what, dtype, gt_scalar_real(low == 0 ? fabs(factor) : factor));
  }
  return gt_fail(c->cx, GT_EDTYPE, "%s: expected a whole %s for %s tensors, got %g", c->op->name,
                 name, gt_dtype_name(dtype), factor);
}

gt_status gt_infer_real_along(gt_call *c) {
  const gt_spec *x = &c->in_spec[0];
  int dim;
  GT_TRY(gt_dim_resolve(c->cx, c->op->name, c->attr[0].i, x->ndim, &dim));
  return gt_infer_real(c);
}

gt_status gt_check_dropout(const gt_call *c, double p) {
  if (p >= 0 && p < 1) return GT_OK;
  return gt_fail(c->cx, GT_EARG, "%s: expected a dropout in [0, 1), got %g", c->op->name, p);
}
