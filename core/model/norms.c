/* norms.c: the native layers RMSNorm and LayerNorm, over the last dimension. */
#include "core/model/forward.h"
#include "core/model/nn.h"
#include "core/tensor/rng.h"

#include <math.h>
#include <stddef.h>

/* Argument x, which must end in `dim`. */
static gt_tensor *read_input(gt_frame *f, const gt_module *m, const gt_arguments *args,
                             int64_t dim) {
  gt_tensor *x = gt_argument_tensor(f, m, args, 0, "x");
  if (!x || (x->ndim > 0 && x->shape[x->ndim - 1] == dim)) return x;
  gt_spec spec = gt_spec_of(x);
  char text[GT_SHAPE_TEXT];
  f->status = gt_fail(f->cx, GT_ESHAPE, "%s: expected x (..., %lld), got %s", m->class->name,
                      (long long)dim, gt_shape_text(&spec, text));
  return NULL;
}

static const char *affine_text(const gt_module *m) {
  return gt_optional_tensor(m, "weight") ? "True" : "False";
}

/* A parameter (dim) filled with `value`; without `wanted` a slot that reads as nil. */
static gt_status add_vector(gt_ctx *cx, gt_module *m, const char *name, bool wanted, int64_t dim,
                            double value, gt_dtype dtype, const gt_backend *device) {
  gt_spec spec = gt_spec_make(dtype, 1, &dim);
  gt_tensor *t = NULL;
  if (!wanted) return gt_module_set_parameter(cx, m, name, NULL);
  GT_TRY(gt_parameter_add(cx, m, name, &spec, device, &t));
  return gt_fill_value(cx, t, value);
}

static gt_status check(gt_ctx *cx, const char *layer, int64_t dim, double eps, gt_dtype dtype) {
  char text[GT_NUMBER_TEXT];
  GT_TRY(gt_layer_check(cx, layer, "dim", dim, dtype));
  if (eps >= 0 && eps < INFINITY) return GT_OK;
  return gt_fail(cx, GT_EARG, "%s: expected eps >= 0, got %s", layer, gt_number_text(eps, text));
}

/* ---- RMSNorm ---- */

static gt_status rms_norm_forward(gt_ctx *cx, gt_module *m, const gt_arguments *args,
                                  gt_tensor **out) {
  const gt_rms_norm *norm = (const gt_rms_norm *)m;
  gt_frame f = {.cx = cx};
  gt_tensor *x = read_input(&f, m, args, norm->dim);
  gt_value eps = {.given = norm->eps != 0, .f = norm->eps};
  x = gt_op2_with(&f, "rms_norm", x, gt_optional_tensor(m, "weight"), GT_ARGS({"eps", eps}));
  return gt_frame_return(&f, x, out);
}

static void rms_norm_repr(gt_ctx *cx, const gt_module *m, gt_text *out) {
  const gt_rms_norm *norm = (const gt_rms_norm *)m;
  char text[GT_NUMBER_TEXT];
  gt_text_add(cx, out, "(%lld,), eps=%s, elementwise_affine=%s", (long long)norm->dim,
              norm->eps == 0 ? "None" : gt_number_text(norm->eps, text), affine_text(m));
}

static const gt_field rms_norm_fields[] = {{"dim", offsetof(gt_rms_norm, dim)}};

const gt_module_class gt_class_rms_norm = {
    .name = "RMSNorm",
    .size = sizeof(gt_rms_norm),
    .forward = rms_norm_forward,
    .extra_repr = rms_norm_repr,
    .fields = rms_norm_fields,
    .field_count = GT_COUNT(rms_norm_fields),
    .parameters = "x",
};

gt_status gt_rms_norm_new(gt_ctx *cx, int64_t dim, double eps, bool weight, gt_dtype dtype,
                          const gt_backend *device, gt_module **out) {
  gt_module *m = NULL;
  GT_TRY(check(cx, "RMSNorm", dim, eps, dtype));
  GT_TRY(gt_module_new(cx, &gt_class_rms_norm, &m));
  ((gt_rms_norm *)m)->dim = dim;
  ((gt_rms_norm *)m)->eps = eps;
  gt_status status = add_vector(cx, m, "weight", weight, dim, 1, dtype, device);
  return gt_module_built(cx, m, status, out);
}

/* ---- LayerNorm ---- */

static gt_status layer_norm_forward(gt_ctx *cx, gt_module *m, const gt_arguments *args,
                                    gt_tensor **out) {
  const gt_layer_norm *norm = (const gt_layer_norm *)m;
  gt_frame f = {.cx = cx};
  gt_tensor *x = read_input(&f, m, args, norm->dim);
  gt_tensor *weight = gt_optional_tensor(m, "weight"), *bias = gt_optional_tensor(m, "bias");
  x = gt_op3_with(&f, "layer_norm", x, weight, bias, GT_ARGS({"eps", GT_FLOAT(norm->eps)}));
  return gt_frame_return(&f, x, out);
}

static void layer_norm_repr(gt_ctx *cx, const gt_module *m, gt_text *out) {
  const gt_layer_norm *norm = (const gt_layer_norm *)m;
  char text[GT_NUMBER_TEXT];
  gt_text_add(cx, out, "(%lld,), eps=%s, elementwise_affine=%s", (long long)norm->dim,
              gt_number_text(norm->eps, text), affine_text(m));
}

static const gt_field layer_norm_fields[] = {{"dim", offsetof(gt_layer_norm, dim)}};

const gt_module_class gt_class_layer_norm = {
    .name = "LayerNorm",
    .size = sizeof(gt_layer_norm),
    .forward = layer_norm_forward,
    .extra_repr = layer_norm_repr,
    .fields = layer_norm_fields,
    .field_count = GT_COUNT(layer_norm_fields),
    .parameters = "x",
};

gt_status gt_layer_norm_new(gt_ctx *cx, int64_t dim, double eps, bool weight, bool bias,
                            gt_dtype dtype, const gt_backend *device, gt_module **out) {
  gt_module *m = NULL;
  GT_TRY(check(cx, "LayerNorm", dim, eps, dtype));
  GT_TRY(gt_module_new(cx, &gt_class_layer_norm, &m));
  ((gt_layer_norm *)m)->dim = dim;
  ((gt_layer_norm *)m)->eps = eps;
  gt_status status = add_vector(cx, m, "weight", weight, dim, 1, dtype, device);
  if (status == GT_OK) status = add_vector(cx, m, "bias", bias, dim, 0, dtype, device);
  return gt_module_built(cx, m, status, out);
}
