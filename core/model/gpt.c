/* gpt.c: the whole GPT.
 *
 *   x = embedding_norm(token_embedding(idx) [+ position_embedding(0 ... T - 1)])
 *   x = block(x, cos_sin) for every block
 *   z = lm_head(norm_f(x)),  logits = cap tanh(z / cap) in f32,  loss = cross_entropy(logits,
 *   targets)
 *
 * Of a tied model lm_head.weight is token_embedding.weight.  The tables cos and sin of RoPE are
 * buffers of ten times the training length, outside the state dict.  When head and loss are the
 * plain ones they run as one op that never holds the logits. */
#include "core/model/gpt.h"

#include "core/model/forward.h"
#include "core/model/nn.h"
#include "core/tensor/allocator.h"
#include "core/tensor/prepare.h"
#include "core/tensor/run.h"

#include <stddef.h>

#define ROTARY_BASE 10000.0
#define ROTARY_LENGTHS 10 /* how much longer than training the tables are */
#define IGNORE_INDEX -1

typedef struct gpt {
  gt_module module;
  gt_gpt_config config;
  int64_t rotary_seq_len;
} gpt;

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

/* Rows start ... start + T - 1 of a rotary table, as a view. */
static gt_status table_rows(gt_ctx *cx, const gt_module *m, const char *name, int64_t start,
                            int64_t T, gt_tensor **out) {
  gt_tensor *table = NULL;
  GT_TRY(gt_slot_tensor(cx, m, name, &table));
  gt_spec spec = gt_spec_of(table);
  char text[GT_SHAPE_TEXT];
  if (spec.ndim != 4)
    return gt_fail(cx, GT_ESHAPE, "%s: expected %s (1, T, 1, D/2), got %s", gt_module_class_name(m),
                   name, gt_shape_text(&spec, text));
  if (start + T > spec.shape[1])
    return gt_fail(cx, GT_ESHAPE,
                   "%s: a sequence of %lld tokens is longer than the rotary tables (%lld)",
                   gt_module_class_name(m), (long long)start + T, (long long)spec.shape[1]);
  spec.shape[1] = T;
  return gt_tensor_view(cx, table, 4, spec.shape, table->stride,
                        table->offset + start * table->stride[1], out);
}

/* The numbers start ... start + count - 1 as a tensor beside `like`. */
static gt_status positions(gt_ctx *cx, const gt_tensor *like, int64_t start, int64_t count,
                           gt_tensor **out) {
  const gt_device *device = gt_device_of(like);
  gt_spec spec = gt_spec_make(GT_I64, 1, &count);
  if (device->kind == GT_META) return gt_tensor_new(cx, &spec, device, out);
  gt_tensor *host = NULL;
  GT_TRY(gt_tensor_new(cx, &spec, &gt_device_cpu, &host));
  for (int64_t i = 0; i < count; i++) ((int64_t *)gt_data(host))[i] = start + i;
  gt_status status = gt_prepare(cx, host, GT_I64, device, true, out);
  gt_tensor_unref(cx, host);
  return status;
}

/* *x (B, T, C) plus the learned vectors of the positions from `start` on. */
static gt_status add_positions(gt_ctx *cx, gt_module *m, int64_t start, gt_tensor **x) {
  int64_t T = (*x)->shape[1], most = ((const gpt *)m)->config.sequence_len;
  gt_tensor *where = NULL;
  gt_tensor *vectors = NULL;
  gt_tensor *sum = NULL;
  if (start + T > most)
    return gt_fail(cx, GT_ESHAPE,
                   "%s: a sequence of %lld tokens is longer than the table of positions (%lld)",
                   gt_module_class_name(m), (long long)start + T, (long long)most);
  GT_TRY(positions(cx, *x, start, T, &where));
  gt_status status = gt_child_call1(cx, m, "position_embedding", where, &vectors);
  if (status == GT_OK) status = gt_apply2(cx, "add", *x, vectors, NULL, &sum);
  gt_tensor_unref(cx, where);
  gt_tensor_unref(cx, vectors);
  if (status != GT_OK) return status;
  gt_tensor_unref(cx, *x);
  *x = sum;
  return GT_OK;
}

/* idx (B, T) -> what enters the first block (B, T, C). */
static gt_status embed(gt_ctx *cx, gt_module *m, gt_tensor *idx, int64_t start, gt_tensor **out) {
  const gt_gpt_config *config = &((const gpt *)m)->config;
  gt_tensor *x = NULL;
  gt_tensor *normed = NULL;
  gt_status status = gt_child_call1(cx, m, "token_embedding", idx, &x);
  if (status == GT_OK && config->position == GT_POSITION_LEARNED)
    status = add_positions(cx, m, start, &x);
  if (status == GT_OK) status = gt_dropout(cx, m, config->dropout, &x);
  if (status == GT_OK && config->embedding_norm) {
    status = gt_norm_call(cx, m, "embedding_norm", x, &normed);
    gt_tensor_unref(cx, x);
    x = normed;
  }
  if (status == GT_OK)
    *out = x;
  else
    gt_tensor_unref(cx, x);
  return status;
}

/* *x through every block; args->arg[1] and args->cache are handed on. */
static gt_status run_blocks(gt_ctx *cx, gt_module *m, gt_arguments *args, gt_tensor **x) {
  gt_module *blocks = gt_module_child(m, "blocks");
  if (!blocks) return gt_fail(cx, GT_EARG, "%s: has no module blocks", gt_module_class_name(m));
  gt_status status = GT_OK;
  gt_module_ref(blocks); /* a hook may replace it in the tree */
  for (int i = 0, layer = 0; status == GT_OK && i < blocks->slot_count; i++) {
    if (!blocks->slots[i].module) continue;
    gt_tensor *y = NULL;
    if (args->cache) args->cache->at = layer++;
    args->arg[0] = (gt_argument){.count = 1, .at = {*x}};
    status = gt_module_call(cx, blocks->slots[i].module, args, &y);
    if (status != GT_OK) break;
    gt_tensor_unref(cx, *x);
    *x = y;
  }
  gt_module_unref(cx, blocks);
  return status;
}

/* Everything up to the last norm: idx (B, T) -> (B, T, C). */
static gt_status trunk(gt_ctx *cx, gt_module *m, gt_tensor *idx, gt_cache *cache, gt_tensor **out) {
  gt_arguments args = {.count = 2, .cache = cache};
  gt_tensor **cos_sin = args.arg[1].at;
  gt_tensor *x = NULL;
  int64_t T = idx->shape[1], start = cache ? cache->position : 0;
  gt_status status = GT_OK;
  if (cache) {
    gt_module *blocks = gt_module_child(m, "blocks");
    GT_TRY(gt_cache_check(cx, cache, blocks ? gt_module_length(blocks) : 0, idx->shape[0], T));
  }
  if (((const gpt *)m)->config.position == GT_POSITION_ROPE) {
    args.arg[1].count = 2;
    status = table_rows(cx, m, "cos", start, T, &cos_sin[0]);
    if (status == GT_OK) status = table_rows(cx, m, "sin", start, T, &cos_sin[1]);
  }
  if (status == GT_OK) status = embed(cx, m, idx, start, &x);
  if (status == GT_OK) status = run_blocks(cx, m, &args, &x);
  gt_tensor_unref(cx, cos_sin[0]);
  gt_tensor_unref(cx, cos_sin[1]);
  if (status == GT_OK && cache) status = gt_cache_advance(cx, cache, T);
  if (status == GT_OK) status = gt_norm_call(cx, m, "norm_f", x, out);
  gt_tensor_unref(cx, x);
  return status;
}

/* lm_head when it is a plain Linear that nobody watches, else NULL. */
static const gt_module *plain_head(const gt_ctx *cx, const gt_module *m) {
  const gt_module *head = gt_module_child(m, "lm_head");
  if (cx->observer || !head || head->class != &gt_class_linear ||
      head->forward != gt_class_linear.forward)
    return NULL;
  const gt_slot *bias = gt_module_slot(head, "bias");
  const gt_slot *weight = gt_module_slot(head, "weight");
  return weight && weight->tensor && !(bias && bias->tensor) ? head : NULL;
}

/* x (B, T, C) -> logits, softcapped where the model has a cap; f32 unless x is f64. */
static gt_status logits_of(gt_ctx *cx, gt_module *m, gt_tensor *x, gt_tensor **out) {
  double cap = ((const gpt *)m)->config.softcap;
  gt_tensor *z = NULL;
  GT_TRY(gt_child_call1(cx, m, "lm_head", x, &z));
  gt_status status = GT_OK;
  if (gt_dtype_is_half(z->dtype))
    status = gt_replace(cx, "to", GT_ARGS({"dtype", GT_INT(GT_F32)}), &z);
  if (status == GT_OK && cap > 0)
    status = gt_replace(cx, "softcap", GT_ARGS({"cap", GT_FLOAT(cap)}), &z);
  if (status == GT_OK)
    *out = z;
  else
    gt_tensor_unref(cx, z);
  return status;
}

/* *x (B, T, C) becomes its last position (B, 1, C). */
static gt_status keep_last(gt_ctx *cx, gt_tensor **x) {
  if ((*x)->shape[1] == 1) return GT_OK;
  return gt_replace(cx, "slice", GT_ARGS({"dim", GT_INT(1)}, {"start", GT_INT(-1)}), x);
}

/* Loss of *x, the trunk's result; targets (B, T). */
static gt_status loss(gt_ctx *cx, gt_module *m, gt_tensor **x, gt_tensor *targets,
                      const char *reduction, gt_tensor **out) {
  const gt_module *head = plain_head(cx, m);
  const char *op = head ? "linear_cross_entropy" : "cross_entropy";
  gt_value how = gt_choice(cx, op, "reduction", reduction);
  if (how.i < 0)
    return gt_fail(cx, GT_EARG, "%s: expected loss_reduction none, mean or sum, got '%s'",
                   gt_module_class_name(m), reduction);
  gt_tensor *logits = NULL;
  gt_tensor *in[3] = {NULL}; /* rows (B T, C), table (V, C) or nothing, targets (B T) */
  if (head) {
    in[1] = gt_module_slot(head, "weight")->tensor;
    GT_TRY(gt_module_scale(cx, head, x));
  } else {
    GT_TRY(logits_of(cx, m, *x, &logits));
  }
  gt_tensor *flat = head ? *x : logits;
  int64_t count = gt_count(targets);
  const gt_arg *args = GT_ARGS({"ignore_index", GT_INT(IGNORE_INDEX)}, {"reduction", how});
  const gt_arg *fused = GT_ARGS({"ignore_index", GT_INT(IGNORE_INDEX)}, {"reduction", how},
                                {"softcap", GT_FLOAT(((const gpt *)m)->config.softcap)});
  gt_status status =
      gt_reshape(cx, flat, 2, (int64_t[]){count, flat->shape[flat->ndim - 1]}, &in[0]);
  if (status == GT_OK) status = gt_reshape(cx, targets, 1, &count, &in[2]);
  if (status == GT_OK)
    status =
        head ? gt_apply(cx, op, in, 3, fused, out) : gt_apply2(cx, op, in[0], in[2], args, out);
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
  if (targets && args->last_only)
    return gt_fail(cx, GT_EARG, "%s: expected targets or last_only, got both",
                   gt_module_class_name(m));
  GT_TRY(trunk(cx, m, idx, args->cache, &x));
  const char *reduction = args->reduction ? args->reduction : "mean";
  gt_status status = args->last_only ? keep_last(cx, &x) : GT_OK;
  if (status == GT_OK)
    status = targets ? loss(cx, m, &x, targets, reduction, out) : logits_of(cx, m, x, out);
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

gt_status gt_gpt_set_tables(gt_ctx *cx, gt_module *m, const gt_device *device) {
  const gpt *g = (const gpt *)m;
  gt_tensor *cos = NULL;
  gt_tensor *sin = NULL;
  if (g->config.position != GT_POSITION_ROPE) return GT_OK;
  GT_TRY(gt_rotary_tables(cx, g->rotary_seq_len, g->config.hidden_dim / g->config.n_heads,
                          ROTARY_BASE, device, &cos, &sin));
  gt_status status = gt_module_set_buffer(cx, m, "cos", cos, false);
  if (status == GT_OK) status = gt_module_set_buffer(cx, m, "sin", sin, false);
  gt_tensor_unref(cx, cos);
  gt_tensor_unref(cx, sin);
  return status;
}

static gt_status add_embedding(gt_ctx *cx, gt_module *m, const char *name, int64_t count,
                               const gt_device *device) {
  gt_module *child = NULL;
  int64_t width = ((const gpt *)m)->config.hidden_dim;
  GT_TRY(gt_embedding_new(cx, count, width, GT_F32, device, &child));
  return gt_module_adopt(cx, m, name, child);
}

static gt_status add_head(gt_ctx *cx, gt_module *m, const gt_device *device) {
  const gt_gpt_config *config = &((const gpt *)m)->config;
  gt_module *child = NULL;
  gt_tensor *table = NULL;
  if (!config->tied)
    return gt_linear_add(cx, m, "lm_head", config->hidden_dim, config->vocab_size, false, device);
  GT_TRY(gt_slot_tensor(cx, gt_module_child(m, "token_embedding"), "weight", &table));
  GT_TRY(gt_linear_tied(cx, table, &child));
  return gt_module_adopt(cx, m, "lm_head", child);
}

static gt_status build(gt_ctx *cx, gt_module *m, const gt_device *device) {
  const gt_gpt_config *config = &((const gpt *)m)->config;
  GT_TRY(add_embedding(cx, m, "token_embedding", config->vocab_size, device));
  if (config->position == GT_POSITION_LEARNED)
    GT_TRY(add_embedding(cx, m, "position_embedding", config->sequence_len, device));
  if (config->embedding_norm) GT_TRY(gt_norm_add(cx, m, "embedding_norm", config, device));
  GT_TRY(add_blocks(cx, m, device));
  GT_TRY(gt_norm_add(cx, m, "norm_f", config, device));
  GT_TRY(add_head(cx, m, device));
  return gt_gpt_set_tables(cx, m, device);
}

bool gt_gpt_takes_cache(const gt_module *m) {
  const gt_module *blocks = gt_module_child(m, "blocks");
  if (m->class != &gt_class_gpt || m->forward != forward || !blocks) return false;
  for (int i = 0; i < blocks->slot_count; i++) {
    const gt_module *block = blocks->slots[i].module;
    const gt_module *attn = block ? gt_module_child(block, "attn") : NULL;
    if (!attn || block->forward != gt_class_block.forward ||
        attn->forward != gt_class_attention.forward)
      return false;
  }
  return true;
}

/* Refuses a model that the device cannot hold before the first of its weights is made. */
static gt_status check_memory(gt_ctx *cx, const gt_gpt_config *config, const gt_device *device) {
  size_t available = 0, total = 0;
  if (device->kind == GT_META) return GT_OK;
  GT_TRY(device->memory(cx, device, &available, &total));
  gt_memory_stats held = gt_memory(cx, device->kind);
  double room = (double)available + (double)(held.cached - held.live);
  double bytes = gt_gpt_weights(config) * (double)gt_dtype_size(GT_F32);
  if (bytes <= room) return GT_OK;
  return gt_fail(cx, GT_ENOMEM,
                 "GPT: out of memory on %s: expected at most %.1f MB of weights, got %.1f MB",
                 device->name, room / 1e6, bytes / 1e6);
}

gt_status gt_gpt_new(gt_ctx *cx, const gt_gpt_config *config, const gt_device *device,
                     gt_module **out) {
  GT_TRY(gt_gpt_config_check(cx, config));
  GT_TRY(check_memory(cx, config, device));
  gt_module *m = NULL;
  GT_TRY(gt_module_new(cx, &gt_class_gpt, &m));
  ((gpt *)m)->config = *config;
  ((gpt *)m)->rotary_seq_len =
      config->position == GT_POSITION_ROPE ? ROTARY_LENGTHS * config->sequence_len : 0;
  gt_status status = build(cx, m, device);
  if (status == GT_OK)
    *out = m;
  else
    gt_module_unref(cx, m);
  return status;
}
