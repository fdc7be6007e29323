/* gpt.c: the whole GPT of the founding notebook.
 *
 *   x = norm(token_embedding(idx))
 *   x = block(x, cos_sin) for every block
 *   z = lm_head(norm(x)),  logits = 15 tanh(z / 15) in f32,  loss = cross_entropy(logits, targets)
 *
 * lm_head.weight is token_embedding.weight.  The tables cos and sin are buffers of ten times the
 * training length, outside the state dict.  When head and loss are the plain ones they run as one
 * op that never holds the logits. */
#include "core/model/gpt.h"

#include "core/model/forward.h"
#include "core/model/init.h"
#include "core/model/nn.h"
#include "core/tensor/rng.h"
#include "core/tensor/run.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>

#define SOFTCAP 15.0
#define ROTARY_BASE 10000.0
#define IGNORE_INDEX -1

typedef struct gpt {
  gt_module module;
  gt_gpt_config config;
  int64_t rotary_seq_len;
} gpt;

const gt_gpt_config gt_gpt_defaults = {
    .hidden_dim = 1024,
    .n_layers = 24,
    .n_heads = 8,
    .mlp_ratio = 3,
    .vocab_size = 32768,
    .sequence_len = 1024,
};

/* ---- configuration ---- */

static gt_status check_products(gt_ctx *cx, const gt_gpt_config *c) {
  int64_t table, matrix, rotary;
  if (__builtin_mul_overflow(c->vocab_size, c->hidden_dim * 8, &table) ||
      __builtin_mul_overflow(c->hidden_dim * 8, c->hidden_dim, &matrix) ||
      __builtin_mul_overflow(matrix, c->mlp_ratio, &matrix) ||
      __builtin_mul_overflow(c->sequence_len * 10, c->hidden_dim, &rotary))
    return gt_fail(cx, GT_EARG, "GPTConfig: sizes are too large to be represented");
  return GT_OK;
}

gt_status gt_gpt_config_check(gt_ctx *cx, const gt_gpt_config *config) {
#define X(field)                                                                                   \
  if (config->field < 1 || config->field > INT32_MAX)                                              \
    return gt_fail(cx, GT_EARG, "GPTConfig: expected " #field " in 1 ... 2147483647, got %lld",    \
                   (long long)config->field);
  GT_GPT_FIELDS(X)
#undef X
  long long width = config->hidden_dim;
  long long heads = config->n_heads;
  if (width % heads)
    return gt_fail(cx, GT_EARG, "GPTConfig: n_heads must divide hidden_dim, got %lld and %lld",
                   heads, width);
  if (width / heads % 2)
    return gt_fail(cx, GT_EARG,
                   "GPTConfig: head_dim must be even for RoPE, got %lld (hidden_dim / n_heads)",
                   width / heads);
  return check_products(cx, config);
}

/* ---- forward ---- */

static gt_status check_tokens(gt_ctx *cx, const gt_module *m, const char *name, const gt_tensor *t,
                              const gt_tensor *like) {
  bool integer = !gt_dtype_is_float(t->dtype) && t->dtype != GT_BOOL;
  gt_spec got = gt_spec_of(t);
  gt_spec want = gt_spec_of(like);
  char want_text[GT_SHAPE_TEXT];
  char got_text[GT_SHAPE_TEXT];
  if (integer && got.ndim == 2 && gt_same_shape(&got, &want)) return GT_OK;
  return gt_fail(cx, integer ? GT_ESHAPE : GT_EDTYPE, "%s: expected %s %s of integers, got %s %s",
                 gt_module_class_name(m), name,
                 t == like ? "(B, T)" : gt_shape_text(&want, want_text), gt_dtype_name(t->dtype),
                 gt_shape_text(&got, got_text));
}

/* The first T rows of a rotary table, as a view. */
static gt_status table_rows(gt_ctx *cx, const gt_module *m, const char *name, int64_t T,
                            gt_tensor **out) {
  gt_tensor *table = NULL;
  GT_TRY(gt_slot_tensor(cx, m, name, &table));
  gt_spec spec = gt_spec_of(table);
  char text[GT_SHAPE_TEXT];
  if (spec.ndim != 4)
    return gt_fail(cx, GT_ESHAPE, "%s: expected %s (1, T, 1, D/2), got %s", gt_module_class_name(m),
                   name, gt_shape_text(&spec, text));
  if (T > spec.shape[1])
    return gt_fail(cx, GT_ESHAPE,
                   "%s: a sequence of %lld tokens is longer than the rotary tables (%lld)",
                   gt_module_class_name(m), (long long)T, (long long)spec.shape[1]);
  spec.shape[1] = T;
  return gt_tensor_view(cx, table, 4, spec.shape, table->stride, table->offset, out);
}

/* Everything up to the last norm: idx (B, T) -> (B, T, C). */
static gt_status trunk(gt_ctx *cx, gt_module *m, gt_tensor *idx, gt_tensor **out) {
  gt_arguments args = {.count = 2, .arg[1] = {.count = 2}};
  gt_tensor **cos_sin = args.arg[1].at;
  gt_tensor *x = NULL;
  gt_module *blocks = gt_module_child(m, "blocks");
  if (!blocks) return gt_fail(cx, GT_EARG, "%s: has no module blocks", gt_module_class_name(m));
  gt_status status = table_rows(cx, m, "cos", idx->shape[1], &cos_sin[0]);
  if (status == GT_OK) status = table_rows(cx, m, "sin", idx->shape[1], &cos_sin[1]);
  if (status == GT_OK) status = gt_child_call1(cx, m, "token_embedding", idx, &x);
  if (status == GT_OK) status = gt_replace(cx, "rms_norm", &x);
  for (int i = 0; i < blocks->slot_count && status == GT_OK; i++) {
    if (!blocks->slots[i].module) continue;
    gt_tensor *y = NULL;
    args.arg[0] = (gt_argument){.count = 1, .at = {x}};
    status = gt_module_call(cx, blocks->slots[i].module, &args, &y);
    if (status != GT_OK) break;
    gt_tensor_unref(cx, x);
    x = y;
  }
  if (status == GT_OK) status = gt_replace(cx, "rms_norm", &x);
  gt_tensor_unref(cx, cos_sin[0]);
  gt_tensor_unref(cx, cos_sin[1]);
  if (status == GT_OK)
    *out = x;
  else
    gt_tensor_unref(cx, x);
  return status;
}

/* The table of lm_head when it is a plain Linear that nobody watches, else NULL. */
static gt_tensor *plain_head(const gt_ctx *cx, const gt_module *m) {
  const gt_module *head = gt_module_child(m, "lm_head");
  if (cx->observer || !head || head->class != &gt_class_linear ||
      head->forward != gt_class_linear.forward)
    return NULL;
  const gt_slot *bias = gt_module_slot(head, "bias");
  const gt_slot *weight = gt_module_slot(head, "weight");
  return weight && !(bias && bias->tensor) ? weight->tensor : NULL;
}

/* x (B, T, C) -> softcapped logits (B, T, V), f32 unless x is f64. */
static gt_status capped_logits(gt_ctx *cx, gt_module *m, gt_tensor *x, gt_tensor **out) {
  gt_tensor *z = NULL;
  GT_TRY(gt_child_call1(cx, m, "lm_head", x, &z));
  gt_status status = GT_OK;
  if (gt_dtype_is_half(z->dtype)) {
    gt_tensor *wide = NULL;
    status = gt_apply1(cx, "to", z, GT_ARGS({"dtype", GT_INT(GT_F32)}), &wide);
    if (status == GT_OK) {
      gt_tensor_unref(cx, z);
      z = wide;
    }
  }
  if (status == GT_OK)
    status = gt_apply1(cx, "softcap", z, GT_ARGS({"cap", GT_FLOAT(SOFTCAP)}), out);
  gt_tensor_unref(cx, z);
  return status;
}

/* Loss of the trunk's result; targets (B, T). */
static gt_status loss(gt_ctx *cx, gt_module *m, gt_tensor *x, gt_tensor *targets,
                      const char *reduction, gt_tensor **out) {
  gt_tensor *table = plain_head(cx, m);
  const char *op = table ? "linear_cross_entropy" : "cross_entropy";
  gt_value how = gt_choice(cx, op, "reduction", reduction);
  if (how.i < 0)
    return gt_fail(cx, GT_EARG, "%s: expected loss_reduction none, mean or sum, got '%s'",
                   gt_module_class_name(m), reduction);
  gt_tensor *logits = NULL;
  gt_tensor *in[3] = {NULL, table, NULL}; /* rows (B T, C), table (V, C), targets (B T) */
  if (!table) GT_TRY(capped_logits(cx, m, x, &logits));
  gt_tensor *flat = table ? x : logits;
  int64_t count = gt_count(targets);
  const gt_arg *args = GT_ARGS({"ignore_index", GT_INT(IGNORE_INDEX)}, {"reduction", how});
  const gt_arg *fused = GT_ARGS({"ignore_index", GT_INT(IGNORE_INDEX)}, {"reduction", how},
                                {"softcap", GT_FLOAT(SOFTCAP)});
  gt_status status =
      gt_reshape(cx, flat, 2, (int64_t[]){count, flat->shape[flat->ndim - 1]}, &in[0]);
  if (status == GT_OK) status = gt_reshape(cx, targets, 1, &count, &in[2]);
  if (status == GT_OK)
    status =
        table ? gt_apply(cx, op, in, 3, fused, out) : gt_apply2(cx, op, in[0], in[2], args, out);
  gt_tensor_unref(cx, logits);
  gt_tensor_unref(cx, in[0]);
  gt_tensor_unref(cx, in[2]);
  return status;
}

static gt_status forward(gt_ctx *cx, gt_module *m, const gt_arguments *args, gt_tensor **out) {
  gt_tensor *idx = NULL;
  gt_tensor *targets = NULL;
  gt_tensor *x = NULL;
  GT_TRY(gt_argument_tensor(cx, m, args, 0, "idx", &idx));
  GT_TRY(check_tokens(cx, m, "idx", idx, idx));
  if (args->count > 1 && args->arg[1].count)
    GT_TRY(gt_argument_tensor(cx, m, args, 1, "targets", &targets));
  if (targets) GT_TRY(check_tokens(cx, m, "targets", targets, idx));
  GT_TRY(trunk(cx, m, idx, &x));
  const char *reduction = args->reduction ? args->reduction : "mean";
  gt_status status =
      targets ? loss(cx, m, x, targets, reduction, out) : capped_logits(cx, m, x, out);
  gt_tensor_unref(cx, x);
  return status;
}

/* ---- construction ---- */

static const gt_field fields[] = {{"rotary_seq_len", offsetof(gpt, rotary_seq_len)}};

const gt_module_class gt_class_gpt = {
    .name = "GPT",
    .size = sizeof(gpt),
    .forward = forward,
    .fields = fields,
    .field_count = GT_COUNT(fields),
    .parameters = "idx, targets?",
};

const gt_gpt_config *gt_gpt_config_of(const gt_module *m) {
  return m->class == &gt_class_gpt ? &((const gpt *)m)->config : NULL;
}

static gt_status add_blocks(gt_ctx *cx, gt_module *m, const gt_device *device) {
  gt_module *list = NULL;
  gt_module *block = NULL;
  GT_TRY(gt_module_list_new(cx, &list));
  GT_TRY(gt_module_adopt(cx, m, "blocks", list));
  for (int64_t i = 0; i < ((gpt *)m)->config.n_layers; i++) {
    GT_TRY(gt_block_new(cx, &((gpt *)m)->config, device, &block));
    gt_status status = gt_module_append(cx, list, block);
    gt_module_unref(cx, block);
    GT_TRY(status);
  }
  return GT_OK;
}

/* Fresh rotary tables on the device of the model. */
static gt_status set_tables(gt_ctx *cx, gt_module *m, const gt_device *device) {
  const gpt *g = (const gpt *)m;
  gt_tensor *cos = NULL;
  gt_tensor *sin = NULL;
  GT_TRY(gt_rotary_tables(cx, g->rotary_seq_len, g->config.hidden_dim / g->config.n_heads,
                          ROTARY_BASE, device, &cos, &sin));
  gt_status status = gt_module_set_buffer(cx, m, "cos", cos, false);
  if (status == GT_OK) status = gt_module_set_buffer(cx, m, "sin", sin, false);
  gt_tensor_unref(cx, cos);
  gt_tensor_unref(cx, sin);
  return status;
}

static gt_status build(gt_ctx *cx, gt_module *m, const gt_device *device) {
  const gt_gpt_config *config = &((gpt *)m)->config;
  gt_module *child = NULL;
  gt_tensor *table = NULL;
  GT_TRY(gt_embedding_new(cx, config->vocab_size, config->hidden_dim, GT_F32, device, &child));
  GT_TRY(gt_module_adopt(cx, m, "token_embedding", child));
  GT_TRY(gt_slot_tensor(cx, child, "weight", &table));
  GT_TRY(add_blocks(cx, m, device));
  GT_TRY(gt_linear_tied(cx, table, &child));
  GT_TRY(gt_module_adopt(cx, m, "lm_head", child));
  return set_tables(cx, m, device);
}

gt_status gt_gpt_new(gt_ctx *cx, const gt_gpt_config *config, const gt_device *device,
                     gt_module **out) {
  GT_TRY(gt_gpt_config_check(cx, config));
  gt_module *m = NULL;
  GT_TRY(gt_module_new(cx, &gt_class_gpt, &m));
  ((gpt *)m)->config = *config;
  ((gpt *)m)->rotary_seq_len = 10 * config->sequence_len;
  gt_status status = build(cx, m, device);
  if (status == GT_OK)
    *out = m;
  else
    gt_module_unref(cx, m);
  return status;
}

/* ---- init_weights ---- */

/* Weights in the order in which apply() reaches their modules; a later law on the same tensor wins.
 */
typedef struct drawing {
  gt_tensor *weight;
  gt_init_law law;
} drawing;

typedef struct drawings {
  drawing *items;
  int count, capacity;
} drawings;

static gt_status draw_later(gt_ctx *cx, drawings *d, gt_tensor *weight, gt_init_law law) {
  if (d->count == d->capacity) {
    int capacity = d->capacity ? 2 * d->capacity : 64;
    drawing *items = gt_realloc(cx, d->items, (size_t)capacity * sizeof *items);
    if (!items) return GT_ENOMEM;
    d->items = items;
    d->capacity = capacity;
  }
  d->items[d->count++] = (drawing){weight, law};
  return GT_OK;
}

static gt_status plan_module(gt_ctx *cx, const gt_entry *entry, void *data) {
  const gt_module *m = entry->owner;
  const gt_slot *weight = gt_module_slot(m, "weight");
  const gt_slot *bias = gt_module_slot(m, "bias");
  if (!weight || !weight->tensor) return GT_OK;
  if (m->class == &gt_class_embedding) return draw_later(cx, data, weight->tensor, GT_INIT_NORMAL);
  if (m->class != &gt_class_linear) return GT_OK;
  GT_TRY(draw_later(cx, data, weight->tensor, GT_INIT_SPECTRAL));
  return bias && bias->tensor ? draw_later(cx, data, bias->tensor, GT_INIT_ZEROS) : GT_OK;
}

/* The output projection at block.<part>.<name>, where there is one. */
static gt_status plan_zero(gt_ctx *cx, drawings *d, const gt_module *block, const char *part,
                           const char *name) {
  const gt_module *m = block ? gt_module_child(block, part) : NULL;
  const gt_module *proj = m ? gt_module_child(m, name) : NULL;
  const gt_slot *weight = proj ? gt_module_slot(proj, "weight") : NULL;
  return weight && weight->tensor ? draw_later(cx, d, weight->tensor, GT_INIT_ZEROS) : GT_OK;
}

static gt_status plan(gt_ctx *cx, gt_module *m, drawings *d) {
  GT_TRY(gt_apply_modules(cx, m, plan_module, d));
  const gt_module *blocks = gt_module_child(m, "blocks");
  for (int i = 0; blocks && i < blocks->slot_count; i++) {
    GT_TRY(plan_zero(cx, d, blocks->slots[i].module, "ff", "proj_down"));
    GT_TRY(plan_zero(cx, d, blocks->slots[i].module, "attn", "proj"));
  }
  return GT_OK;
}

/* Only the last law of a tensor is carried out; one that would be overwritten just uses up its
 * random stream, so that the numbers are those of drawing every one in turn. */
static gt_status draw(gt_ctx *cx, const drawings *d) {
  for (int i = 0; i < d->count; i++) {
    bool last = true;
    for (int k = i + 1; k < d->count && last; k++) last = d->items[k].weight != d->items[i].weight;
    if (last)
      GT_TRY(gt_init(cx, d->items[i].weight, d->items[i].law, 0, 1));
    else if (d->items[i].law != GT_INIT_ZEROS)
      gt_rng_stream(cx);
  }
  return GT_OK;
}

gt_status gt_gpt_init_weights(gt_ctx *cx, gt_module *m) {
  if (m->class != &gt_class_gpt)
    return gt_fail(cx, GT_EARG, "init_weights: expected a native GPT, got %s",
                   gt_module_class_name(m));
  drawings d = {0};
  gt_status status = plan(cx, m, &d);
  if (status == GT_OK) status = draw(cx, &d);
  gt_free(d.items);
  gt_module *embedding = gt_module_child(m, "token_embedding");
  const gt_slot *table = embedding ? gt_module_slot(embedding, "weight") : NULL;
  const gt_device *device = table && table->tensor ? gt_device_of(table->tensor) : &gt_device_cpu;
  if (status == GT_OK) status = set_tables(cx, m, device);
  if (status == GT_OK && device->kind == GT_CUDA)
    status = gt_module_to(cx, embedding, &(gt_dtype){GT_BF16}, NULL);
  return status;
}
