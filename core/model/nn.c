/* nn.c: the native layers Linear and Embedding, the container ModuleList and the empty Module.
 * The norms are norms.c.
 *
 * Parameters are found by slot name at every call, never through stored pointers, so that assigning
 * another tensor to layer.weight is all that tying takes. */
#include "core/model/nn.h"

#include "core/model/forward.h"
#include "core/tensor/rng.h"

#include <math.h>
#include <stddef.h>

gt_status gt_parameter_add(gt_ctx *cx, gt_module *m, const char *name, const gt_spec *spec,
                           const gt_backend *device, gt_tensor **out) {
  gt_frame f = {.cx = cx};
  gt_tensor *t = gt_new(&f, spec, device);
  if (f.status == GT_ESHAPE) gt_fail(cx, f.status, "%s: %s", gt_module_class_name(m), cx->message);
  if (t) f.status = gt_module_set_parameter(cx, m, name, t);
  if (f.status == GT_OK) {
    t->requires_grad = true;
    *out = t;
  }
  return gt_frame_end(&f);
}

gt_status gt_layer_check(gt_ctx *cx, const char *layer, const char *name, int64_t n,
                         gt_dtype dtype) {
  if (n <= 0)
    return gt_fail(cx, GT_EARG, "%s: expected %s > 0, got %lld", layer, name, (long long)n);
  if (gt_dtype_is_float(dtype)) return GT_OK;
  return gt_fail(cx, GT_EDTYPE, "%s: expected a float dtype, got %s", layer, gt_dtype_name(dtype));
}

/* ---- Linear ---- */

static gt_status linear_forward(gt_ctx *cx, gt_module *m, const gt_arguments *args,
                                gt_tensor **out) {
  gt_frame f = {.cx = cx};
  gt_tensor *x = gt_argument_tensor(&f, m, args, 0, "x");                        /* (..., in) */
  gt_tensor *weight = gt_slot_tensor(&f, m, "weight");                           /* (out, in) */
  gt_tensor *y = gt_op3(&f, "linear", x, weight, gt_optional_tensor(m, "bias")); /* (..., out) */
  return gt_frame_return(&f, y, out);
}

static void linear_repr(gt_ctx *cx, const gt_module *m, gt_text *out) {
  const gt_linear *linear = (const gt_linear *)m;
  gt_text_add(cx, out, "in_features=%lld, out_features=%lld, bias=%s",
              (long long)linear->in_features, (long long)linear->out_features,
              gt_optional_tensor(m, "bias") ? "True" : "False");
}

static const gt_field linear_fields[] = {
    {"in_features", offsetof(gt_linear, in_features)},
    {"out_features", offsetof(gt_linear, out_features)},
};

const gt_module_class gt_class_linear = {
    .name = "Linear",
    .size = sizeof(gt_linear),
    .forward = linear_forward,
    .extra_repr = linear_repr,
    .fields = linear_fields,
    .field_count = GT_COUNT(linear_fields),
    .parameters = "x",
};

static gt_status linear_bare(gt_ctx *cx, int64_t in_features, int64_t out_features,
                             gt_module **out) {
  GT_TRY(gt_module_new(cx, &gt_class_linear, out));
  ((gt_linear *)*out)->in_features = in_features;
  ((gt_linear *)*out)->out_features = out_features;
  return GT_OK;
}

gt_status gt_linear_new(gt_ctx *cx, int64_t in_features, int64_t out_features, bool bias,
                        gt_dtype dtype, const gt_backend *device, gt_module **out) {
  GT_TRY(gt_layer_check(cx, "Linear", "in_features", in_features, dtype));
  GT_TRY(gt_layer_check(cx, "Linear", "out_features", out_features, dtype));
  gt_module *m = NULL;
  gt_tensor *t = NULL;
  GT_TRY(linear_bare(cx, in_features, out_features, &m));
  double bound = 1 / sqrt((double)in_features);
  gt_spec spec = gt_spec_make(dtype, 2, (int64_t[]){out_features, in_features});
  gt_status status = gt_parameter_add(cx, m, "weight", &spec, device, &t);
  if (status == GT_OK) status = gt_fill_uniform(cx, t, -bound, bound);
  if (bias) {
    spec = gt_spec_make(dtype, 1, &out_features);
    if (status == GT_OK) status = gt_parameter_add(cx, m, "bias", &spec, device, &t);
    if (status == GT_OK) status = gt_fill_uniform(cx, t, -bound, bound);
  } else if (status == GT_OK) {
    status = gt_module_set_parameter(cx, m, "bias", NULL); /* reads as nil, not as a wrong name */
  }
  return gt_module_built(cx, m, status, out);
}

gt_status gt_linear_add(gt_ctx *cx, gt_module *m, const char *name, int64_t in_features,
                        int64_t out_features, bool bias, const gt_backend *device) {
  gt_module *linear = NULL;
  GT_TRY(gt_linear_new(cx, in_features, out_features, bias, GT_F32, device, &linear));
  return gt_module_adopt(cx, m, name, linear);
}

gt_status gt_linear_tied(gt_ctx *cx, gt_tensor *weight, gt_module **out) {
  gt_module *m = NULL;
  GT_TRY(linear_bare(cx, weight->shape[1], weight->shape[0], &m));
  gt_status status = gt_module_set_parameter(cx, m, "weight", weight);
  if (status == GT_OK) status = gt_module_set_parameter(cx, m, "bias", NULL);
  if (status == GT_OK) gt_rng_stream(cx);
  return gt_module_built(cx, m, status, out);
}

/* ---- Embedding ---- */

static gt_status embedding_forward(gt_ctx *cx, gt_module *m, const gt_arguments *args,
                                   gt_tensor **out) {
  gt_frame f = {.cx = cx};
  gt_tensor *idx = gt_argument_tensor(&f, m, args, 0, "idx");            /* (...) */
  gt_tensor *weight = gt_slot_tensor(&f, m, "weight");                   /* (V, C) */
  return gt_frame_return(&f, gt_op2(&f, "embedding", idx, weight), out); /* (..., C) */
}

static void embedding_repr(gt_ctx *cx, const gt_module *m, gt_text *out) {
  const gt_embedding *embedding = (const gt_embedding *)m;
  gt_text_add(cx, out, "%lld, %lld", (long long)embedding->num_embeddings,
              (long long)embedding->embedding_dim);
}

static const gt_field embedding_fields[] = {
    {"num_embeddings", offsetof(gt_embedding, num_embeddings)},
    {"embedding_dim", offsetof(gt_embedding, embedding_dim)},
};

const gt_module_class gt_class_embedding = {
    .name = "Embedding",
    .size = sizeof(gt_embedding),
    .forward = embedding_forward,
    .extra_repr = embedding_repr,
    .fields = embedding_fields,
    .field_count = GT_COUNT(embedding_fields),
    .parameters = "idx",
};

gt_status gt_embedding_new(gt_ctx *cx, int64_t num_embeddings, int64_t embedding_dim,
                           gt_dtype dtype, const gt_backend *device, gt_module **out) {
  GT_TRY(gt_layer_check(cx, "Embedding", "num_embeddings", num_embeddings, dtype));
  GT_TRY(gt_layer_check(cx, "Embedding", "embedding_dim", embedding_dim, dtype));
  gt_module *m = NULL;
  gt_tensor *t = NULL;
  GT_TRY(gt_module_new(cx, &gt_class_embedding, &m));
  ((gt_embedding *)m)->num_embeddings = num_embeddings;
  ((gt_embedding *)m)->embedding_dim = embedding_dim;
  gt_spec spec = gt_spec_make(dtype, 2, (int64_t[]){num_embeddings, embedding_dim});
  gt_status status = gt_parameter_add(cx, m, "weight", &spec, device, &t);
  if (status == GT_OK) status = gt_fill_normal(cx, t, 0, 1);
  return gt_module_built(cx, m, status, out);
}

/* ---- containers ---- */

const gt_module_class gt_class_module = {.name = "Module", .size = sizeof(gt_module)};
const gt_module_class gt_class_module_list = {.name = "ModuleList", .size = sizeof(gt_module)};

gt_status gt_module_list_new(gt_ctx *cx, gt_module **out) {
  GT_TRY(gt_module_new(cx, &gt_class_module_list, out));
  (*out)->list = true;
  return GT_OK;
}
