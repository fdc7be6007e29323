/* attention.c: causal self-attention of the GPT.
 *
 *   k, q, v = key(x), query(x), value(x) as heads (B, T, H, D)
 *   q, k    = norm(rope(q)), norm(rope(k))        RoPE first, then QK-norm
 *   y       = proj(softmax(q k^T / sqrt(D), causal) v)
 *
 * The four projections are called by slot name, so each may be any module. */
#include "core/model/forward.h"
#include "core/model/gpt.h"
#include "core/model/nn.h"
#include "core/tensor/run.h"

#include <stddef.h>

typedef struct attention {
  gt_module module;
  int64_t n_heads, hidden_dim, head_dim;
} attention;

/* Calls a projection and splits its result into heads: (B, T, C) -> (B, T, H, D). */
static gt_status project(gt_ctx *cx, const attention *a, const char *name, gt_tensor *x,
                         gt_tensor **out) {
  gt_tensor *flat = NULL;
  GT_TRY(gt_child_call1(cx, &a->module, name, x, &flat));
  int64_t shape[4] = {x->shape[0], x->shape[1], a->n_heads, a->head_dim};
  gt_spec want = gt_spec_make(flat->dtype, 3, (int64_t[]){shape[0], shape[1], a->hidden_dim});
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
static gt_status project_rotated(gt_ctx *cx, const attention *a, const char *name, gt_tensor *x,
                                 const gt_argument *cos_sin, gt_tensor **out) {
  gt_tensor *heads = NULL;
  GT_TRY(project(cx, a, name, x, &heads));
  gt_tensor *in[3] = {heads, cos_sin->at[0], cos_sin->at[1]};
  gt_value after = gt_choice(cx, "rope", "norm", "after");
  gt_status status = gt_apply(cx, "rope", in, 3, GT_ARGS({"norm", after}), out);
  gt_tensor_unref(cx, heads);
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
  if (args->count < 2 || args->arg[1].count != 2)
    return gt_fail(cx, GT_EARG, "%s: expected cos_sin, a pair of tensors, got %s",
                   gt_module_class_name(m),
                   args->count < 2 || args->arg[1].count == 0 ? "nil" : "one tensor");
  return GT_OK;
}

static gt_status forward(gt_ctx *cx, gt_module *m, const gt_arguments *args, gt_tensor **out) {
  attention *a = (attention *)m;
  gt_tensor *x = NULL;
  gt_tensor *qkv[3] = {NULL};
  gt_tensor *y = NULL;
  gt_tensor *joined = NULL;
  GT_TRY(check(cx, m, args, &x));
  gt_status status = project_rotated(cx, a, "key", x, &args->arg[1], &qkv[1]);
  if (status == GT_OK) status = project_rotated(cx, a, "query", x, &args->arg[1], &qkv[0]);
  if (status == GT_OK) status = project(cx, a, "value", x, &qkv[2]);
  gt_value bthd = gt_choice(cx, "attention", "layout", "bthd");
  if (status == GT_OK)
    status =
        gt_apply(cx, "attention", qkv, 3, GT_ARGS({"layout", bthd}, {"is_causal", GT_INT(1)}), &y);
  for (int i = 0; i < 3; i++) gt_tensor_unref(cx, qkv[i]);
  if (status == GT_OK)
    status = gt_reshape(cx, y, 3, (int64_t[]){x->shape[0], x->shape[1], a->hidden_dim}, &joined);
  gt_tensor_unref(cx, y);
  if (status == GT_OK) status = gt_child_call1(cx, m, "proj", joined, out);
  gt_tensor_unref(cx, joined);
  return status;
}

static const gt_field fields[] = {
    {"n_heads", offsetof(attention, n_heads)},
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

gt_status gt_attention_new(gt_ctx *cx, const gt_gpt_config *config, const gt_device *device,
                           gt_module **out) {
  static const char *const names[] = {"key", "query", "value", "proj"};
  GT_TRY(gt_gpt_config_check(cx, config));
  gt_module *m = NULL;
  GT_TRY(gt_module_new(cx, &gt_class_attention, &m));
  attention *a = (attention *)m;
  a->n_heads = config->n_heads;
  a->hidden_dim = config->hidden_dim;
  a->head_dim = config->hidden_dim / config->n_heads;
  gt_status status = GT_OK;
  for (int i = 0; i < GT_COUNT(names) && status == GT_OK; i++)
    status = gt_linear_add(cx, m, names[i], a->hidden_dim, a->hidden_dim, device);
  if (status == GT_OK)
    *out = m;
  else
    gt_module_unref(cx, m);
  return status;
}
