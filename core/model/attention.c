/* attention.c: causal self-attention of the GPT.
 *
 *   k, q, v = key(x), query(x), value(x) as heads (B, T, H, D); k and v may have fewer heads
 *   q, k    = norm(rope(q)), norm(rope(k))        RoPE first, then QK-norm; each where configured
 *   y       = proj(softmax(q k^T / sqrt(D), causal) v)
 *
 * With a cache, k and v are those of all tokens so far, and query i is aligned with key
 * i + position.  The four projections are called by slot name, so each may be any module. */
#include "core/model/block.h"
#include "core/model/nn.h"
#include "core/tensor/rng.h"

#include <stddef.h>

typedef struct attention {
  gt_module module;
  gt_gpt_config config; /* n_kv_heads is set */
  int64_t head_dim;
  double scale; /* of q k^T; 0: 1 / sqrt(D) */
} attention;

/* x (B, T, C) through a projection, split into heads (B, T, heads, D). */
static gt_tensor *project(gt_frame *f, const attention *a, const char *name, int64_t heads,
                          gt_tensor *x) {
  gt_tensor *y = gt_child(f, &a->module, name, x); /* (B, T, heads D) */
  if (!y) return NULL;
  int64_t shape[4] = {x->shape[0], x->shape[1], heads, a->head_dim};
  gt_spec want = gt_spec_make(y->dtype, 3, (int64_t[]){shape[0], shape[1], heads * a->head_dim});
  gt_spec got = gt_spec_of(y);
  char want_text[GT_SHAPE_TEXT];
  char got_text[GT_SHAPE_TEXT];
  if (!gt_same_shape(&want, &got))
    f->status = gt_fail(f->cx, GT_ESHAPE, "%s: expected %s to give %s, got %s",
                        gt_module_class_name(&a->module), name, gt_shape_text(&want, want_text),
                        gt_shape_text(&got, got_text));
  return gt_reshape(f, gt_last(f, y), 4, shape);
}

/* RoPE, then QK-norm, of queries or keys (B, T, heads, D). */
static gt_tensor *rotate(gt_frame *f, const attention *a, gt_tensor *x,
                         const gt_argument *cos_sin) {
  if (a->config.position != GT_POSITION_ROPE)
    return a->config.qk_norm ? gt_op1(f, "rms_norm", x) : gt_pass(f, x);
  gt_value norm = gt_choice(f->cx, "rope", "norm", a->config.qk_norm ? "after" : "none");
  return gt_op3_with(f, "rope", x, cos_sin->at[0], cos_sin->at[1], GT_ARGS({"norm", norm}));
}

/* softmax(q k^T) v as (B, T, H, D); a fresh random stream drops weights in training. */
static gt_tensor *attend(gt_frame *f, const attention *a, gt_tensor *q, gt_tensor *k, gt_tensor *v,
                         int64_t position) {
  if (f->status != GT_OK) return NULL;
  bool drops = a->module.training && a->config.dropout > 0;
  gt_value bthd = gt_choice(f->cx, "attention", "layout", "bthd");
  gt_value scale = {.given = a->scale != 0, .f = a->scale};
  gt_value stream = GT_INT(drops ? (int64_t)gt_rng_stream(f->cx) : 0);
  return gt_op3_with(f, "attention", q, k, v,
                     GT_ARGS({"layout", bthd}, {"is_causal", GT_INT(1)},
                             {"offset", GT_INT(position)}, {"scale", scale},
                             {"dropout", GT_FLOAT(drops ? a->config.dropout : 0)},
                             {"seed", GT_INT((int64_t)f->cx->seed)}, {"stream", stream}));
}

static gt_status check(gt_ctx *cx, const gt_module *m, const gt_arguments *args, gt_tensor *x) {
  const attention *a = (const attention *)m;
  gt_spec spec = gt_spec_of(x);
  char text[GT_SHAPE_TEXT];
  if (spec.ndim != 3 || spec.shape[2] != a->config.hidden_dim)
    return gt_fail(cx, GT_ESHAPE, "%s: expected x (B, T, %lld), got %s", gt_module_class_name(m),
                   (long long)a->config.hidden_dim, gt_shape_text(&spec, text));
  if (a->config.position == GT_POSITION_ROPE && (args->count < 2 || args->arg[1].count != 2))
    return gt_fail(cx, GT_EARG, "%s: expected cos_sin, a pair of tensors, got %s",
                   gt_module_class_name(m),
                   args->count < 2 || args->arg[1].count == 0 ? "nil" : "one tensor");
  return GT_OK;
}

static gt_status forward(gt_ctx *cx, gt_module *m, const gt_arguments *args, gt_tensor **out) {
  const attention *a = (const attention *)m;
  const gt_argument *cos_sin = &args->arg[1];
  gt_frame f = {.cx = cx};
  gt_tensor *x = gt_argument_tensor(&f, m, args, 0, "x"); /* (B, T, C) */
  if (x) f.status = check(cx, m, args, x);
  gt_tensor *k = project(&f, a, "key", a->config.n_kv_heads, x); /* (B, T, Hkv, D) */
  k = rotate(&f, a, gt_last(&f, k), cos_sin);
  gt_tensor *q = project(&f, a, "query", a->config.n_heads, x); /* (B, T, H, D) */
  q = rotate(&f, a, gt_last(&f, q), cos_sin);
  gt_tensor *v = project(&f, a, "value", a->config.n_kv_heads, x); /* (B, T, Hkv, D) */
  int64_t position = args->cache ? args->cache->position : 0;
  if (args->cache) gt_cache_extend(&f, args->cache, &k, &v); /* (B, position + T, Hkv, D) */
  gt_tensor *y = attend(&f, a, gt_last(&f, q), gt_last(&f, k), gt_last(&f, v), position);
  if (y) y = gt_reshape(&f, gt_last(&f, y), 3, x->shape); /* (B, T, C) */
  y = gt_child(&f, m, "proj", gt_last(&f, y));
  y = gt_dropout(&f, m, a->config.dropout, gt_last(&f, y));
  return gt_frame_return(&f, y, out);
}

static const gt_field fields[] = {
    {"n_heads", offsetof(attention, config.n_heads)},
    {"n_kv_heads", offsetof(attention, config.n_kv_heads)},
    {"hidden_dim", offsetof(attention, config.hidden_dim)},
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

static gt_status build(gt_ctx *cx, gt_module *m, const gt_backend *device) {
  const gt_gpt_config *config = &((const attention *)m)->config;
  int64_t width = config->hidden_dim, narrow = config->n_kv_heads * gt_gpt_head_dim(config);
  GT_TRY(gt_linear_add(cx, m, "key", width, narrow, config->bias, device));
  GT_TRY(gt_linear_add(cx, m, "query", width, width, config->bias, device));
  GT_TRY(gt_linear_add(cx, m, "value", width, narrow, config->bias, device));
  return gt_linear_add(cx, m, "proj", width, width, config->bias, device);
}

gt_status gt_attention_new(gt_ctx *cx, const gt_gpt_config *config, const gt_backend *device,
                           gt_module **out) {
  gt_module *m = NULL;
  GT_TRY(gt_module_new(cx, &gt_class_attention, &m));
  attention *a = (attention *)m;
  a->config = *config;
  a->config.n_kv_heads = gt_gpt_kv_heads(config);
  a->head_dim = gt_gpt_head_dim(config);
  return gt_module_built(cx, m, build(cx, m, device), out);
}
