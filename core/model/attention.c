/* attention.c: causal self-attention of the GPT.
 *
 *   k, q, v = key(x), query(x), value(x) as heads (B, T, H, D); k and v may have fewer heads
 *   q, k    = norm(rope(q)), norm(rope(k))        RoPE first, then QK-norm; each where configured
 *   y       = proj(softmax(q k^T / sqrt(D), causal) v)
 *
 * With a cache, k and v are those of all tokens so far, and query i stands beside key i + position.
 * The four projections are called by slot name, so each may be any module. */
#include "core/model/forward.h"
#include "core/model/gpt.h"
#include "core/model/nn.h"
#include "core/tensor/rng.h"
#include "core/tensor/run.h"

#include <stddef.h>

typedef struct attention {
  gt_module module;
  int64_t n_heads, n_kv_heads, hidden_dim, head_dim;
  bool rope, qk_norm;
  double dropout;
  double scale; /* of q k^T; 0: 1 / sqrt(D) */
} attention;

/* Calls a projection and splits its result into heads: (B, T, C) -> (B, T, heads, D). */
static gt_status project(gt_ctx *cx, const attention *a, const char *name, int64_t heads,
                         gt_tensor *x, gt_tensor **out) {
  gt_tensor *flat = NULL;
  GT_TRY(gt_child_call1(cx, &a->module, name, x, &flat));
  int64_t shape[4] = {x->shape[0], x->shape[1], heads, a->head_dim};
  gt_spec want = gt_spec_make(flat->dtype, 3, (int64_t[]){shape[0], shape[1], heads * a->head_dim});
  gt_spec got = gt_spec_of(flat);
  char want_text[GT_SHAPE_TEXT];
  char got_text[GT_SHAPE_TEXT];
  gt_status status = gt_same_shape(&want, &got)
                         ? gt_reshape(cx, flat, 4, shape, out)
                         : gt_fail(cx, GT_ESHAPE, "%s: expected %s to give %s, got %s",
                                   gt_module_class_name(&a->module), name,
                                   gt_shape_text(&want, want_text), gt_shape_text(&got, got_text));
  gt_tensor_unref(cx, flat);
  return status;
}

/* The same for queries and keys, which are then rotated and normalised. */
static gt_status project_rotated(gt_ctx *cx, const attention *a, const char *name, int64_t heads,
                                 gt_tensor *x, const gt_argument *cos_sin, gt_tensor **out) {
  gt_tensor *plain = NULL;
  GT_TRY(project(cx, a, name, heads, x, &plain));
  gt_status status = GT_OK;
  if (a->rope) {
    gt_tensor *in[3] = {plain, cos_sin->at[0], cos_sin->at[1]};
    gt_value norm = gt_choice(cx, "rope", "norm", a->qk_norm ? "after" : "none");
    status = gt_apply(cx, "rope", in, 3, GT_ARGS({"norm", norm}), out);
  } else if (a->qk_norm) {
    status = gt_apply1(cx, "rms_norm", plain, NULL, out);
  } else {
    *out = gt_tensor_ref(plain);
  }
  gt_tensor_unref(cx, plain);
  return status;
}

static gt_status check(gt_ctx *cx, const gt_module *m, const gt_arguments *args, gt_tensor **x) {
  const attention *a = (const attention *)m;
  GT_TRY(gt_argument_tensor(cx, m, args, 0, "x", x));
  gt_spec spec = gt_spec_of(*x);
  char text[GT_SHAPE_TEXT];
  if (spec.ndim != 3 || spec.shape[2] != a->hidden_dim)
    return gt_fail(cx, GT_ESHAPE, "%s: expected x (B, T, %lld), got %s", gt_module_class_name(m),
                   (long long)a->hidden_dim, gt_shape_text(&spec, text));
  if (a->rope && (args->count < 2 || args->arg[1].count != 2))
    return gt_fail(cx, GT_EARG, "%s: expected cos_sin, a pair of tensors, got %s",
                   gt_module_class_name(m),
                   args->count < 2 || args->arg[1].count == 0 ? "nil" : "one tensor");
  return GT_OK;
}

/* softmax(q k^T) v, over the cached keys too; a fresh random stream drops weights in training. */
static gt_status attend(gt_ctx *cx, const attention *a, gt_tensor *qkv[3], gt_cache *cache,
                        gt_tensor **out) {
  int64_t before = cache ? cache->position : 0;
  bool drops = a->module.training && a->dropout > 0;
  gt_value bthd = gt_choice(cx, "attention", "layout", "bthd");
  gt_value scale = {.given = a->scale != 0, .f = a->scale};
  gt_value stream = GT_INT(drops ? (int64_t)gt_rng_stream(cx) : 0);
  if (cache) GT_TRY(gt_cache_extend(cx, cache, &qkv[1], &qkv[2]));
  return gt_apply(cx, "attention", qkv, 3,
                  GT_ARGS({"layout", bthd}, {"is_causal", GT_INT(1)}, {"offset", GT_INT(before)},
                          {"scale", scale}, {"dropout", GT_FLOAT(drops ? a->dropout : 0)},
                          {"seed", GT_INT((int64_t)cx->seed)}, {"stream", stream}),
                  out);
}

static gt_status forward(gt_ctx *cx, gt_module *m, const gt_arguments *args, gt_tensor **out) {
  attention *a = (attention *)m;
  gt_tensor *x = NULL;
  gt_tensor *qkv[3] = {NULL};
  gt_tensor *y = NULL;
  gt_tensor *z = NULL;
  const gt_argument *cos_sin = &args->arg[1];
  GT_TRY(check(cx, m, args, &x));
  gt_status status = project_rotated(cx, a, "key", a->n_kv_heads, x, cos_sin, &qkv[1]);
  if (status == GT_OK) status = project_rotated(cx, a, "query", a->n_heads, x, cos_sin, &qkv[0]);
  if (status == GT_OK) status = project(cx, a, "value", a->n_kv_heads, x, &qkv[2]);
  if (status == GT_OK) status = attend(cx, a, qkv, args->cache, &y);
  for (int i = 0; i < 3; i++) gt_tensor_unref(cx, qkv[i]);
  if (status == GT_OK)
    status = gt_reshape(cx, y, 3, (int64_t[]){x->shape[0], x->shape[1], a->hidden_dim}, &z);
  gt_tensor_unref(cx, y);
  y = NULL;
  if (status == GT_OK) status = gt_child_call1(cx, m, "proj", z, &y);
  gt_tensor_unref(cx, z);
  if (status == GT_OK) status = gt_dropout(cx, m, a->dropout, &y);
  if (status == GT_OK)
    *out = y;
  else
    gt_tensor_unref(cx, y);
  return status;
}

static const gt_field fields[] = {
    {"n_heads", offsetof(attention, n_heads)},
    {"n_kv_heads", offsetof(attention, n_kv_heads)},
    {"hidden_dim", offsetof(attention, hidden_dim)},
    {"head_dim", offsetof(attention, head_dim)},
};

const gt_module_class gt_class_attention = {
    .name = "MultiHeadAttention",
    .size = sizeof(attention),
    .forward = forward,
    .fields = fields,
    .field_count = GT_COUNT(fields),
    .parameters = "x, cos_sin",
};

double *gt_attention_scale(gt_module *m) {
  return m->class == &gt_class_attention ? &((attention *)m)->scale : NULL;
}

static gt_status add_projections(gt_ctx *cx, gt_module *m, bool bias, const gt_device *device) {
  const attention *a = (const attention *)m;
  int64_t width = a->hidden_dim, narrow = a->n_kv_heads * a->head_dim;
  GT_TRY(gt_linear_add(cx, m, "key", width, narrow, bias, device));
  GT_TRY(gt_linear_add(cx, m, "query", width, width, bias, device));
  GT_TRY(gt_linear_add(cx, m, "value", width, narrow, bias, device));
  return gt_linear_add(cx, m, "proj", width, width, bias, device);
}

gt_status gt_attention_new(gt_ctx *cx, const gt_gpt_config *config, const gt_device *device,
                           gt_module **out) {
  GT_TRY(gt_gpt_config_check(cx, config));
  gt_module *m = NULL;
  GT_TRY(gt_module_new(cx, &gt_class_attention, &m));
  attention *a = (attention *)m;
  a->n_heads = config->n_heads;
  a->n_kv_heads = gt_gpt_kv_heads(config);
  a->hidden_dim = config->hidden_dim;
  a->head_dim = config->hidden_dim / config->n_heads;
  a->rope = config->position == GT_POSITION_ROPE;
  a->qk_norm = config->qk_norm;
  a->dropout = config->dropout;
  gt_status status = add_projections(cx, m, config->bias, device);
  if (status == GT_OK)
    *out = m;
  else
    gt_module_unref(cx, m);
  return status;
}
