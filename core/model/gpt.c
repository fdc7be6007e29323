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

#include "core/model/block.h"
#include "core/model/nn.h"
#include "core/model/rotary.h"
#include "core/tensor/allocator.h"
#include "core/tensor/prepare.h"

#include <stddef.h>

#define ROTARY_BASE 10000.0
#define ROTARY_LENGTHS 10 /* how much longer than training the tables are */
#define IGNORE_INDEX -1

typedef struct gpt {
  gt_module module;
  gt_gpt_config config;
  int64_t rotary_seq_len;
} gpt;

/* ---- forward: B sequences of T tokens, C channels, V entries of the vocabulary ---- */

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
static gt_tensor *table_rows(gt_frame *f, const gt_module *m, const char *name, int64_t start,
                             int64_t T) {
  gt_tensor *table = gt_slot_tensor(f, m, name);
  if (!table) return NULL;
  gt_spec spec = gt_spec_of(table);
  char text[GT_SHAPE_TEXT];
  if (spec.ndim != 4)
    f->status = gt_fail(f->cx, GT_ESHAPE, "%s: expected %s (1, T, 1, D/2), got %s",
                        gt_module_class_name(m), name, gt_shape_text(&spec, text));
  else if (start + T > spec.shape[1])
    f->status = gt_fail(f->cx, GT_ESHAPE,
                        "%s: a sequence of %lld tokens is longer than the rotary tables (%lld)",
                        gt_module_class_name(m), (long long)start + T, (long long)spec.shape[1]);
  spec.shape[1] = T;
  int64_t offset = table->offset + start * table->stride[1];
  return gt_view(f, table, 4, spec.shape, table->stride, offset);
}

/* The numbers start ... start + count - 1 as a tensor on the device of `like`. */
static gt_tensor *positions(gt_frame *f, const gt_tensor *like, int64_t start, int64_t count) {
  const gt_backend *device = gt_device_of(like);
  gt_spec spec = gt_spec_make(GT_I64, 1, &count);
  if (!device->data) return gt_new(f, &spec, device);
  gt_tensor *there = NULL;
  gt_tensor *host = gt_new(f, &spec, f->cx->cpu);
  for (int64_t i = 0; host && i < count; i++) ((int64_t *)gt_data(host))[i] = start + i;
  if (host) f->status = gt_prepare(f->cx, host, GT_I64, device, true, &there);
  gt_release(f, host);
  return gt_keep(f, there);
}

/* x (B, T, C) plus the learned vectors of the positions from `start` on. */
static gt_tensor *add_positions(gt_frame *f, gt_module *m, int64_t start, gt_tensor *x) {
  if (!x) return NULL;
  int64_t T = x->shape[1], length = ((const gpt *)m)->config.sequence_len;
  if (start + T > length) {
    f->status =
        gt_fail(f->cx, GT_ESHAPE,
                "%s: a sequence of %lld tokens is longer than the table of positions (%lld)",
                gt_module_class_name(m), (long long)start + T, (long long)length);
    return NULL;
  }
  gt_tensor *at = positions(f, x, start, T);                                 /* (T) */
  gt_tensor *vectors = gt_child(f, m, "position_embedding", gt_last(f, at)); /* (T, C) */
  return gt_op2(f, "add", x, gt_last(f, vectors));
}

/* idx (B, T) -> what enters the first block (B, T, C). */
static gt_tensor *embed(gt_frame *f, gt_module *m, gt_tensor *idx, int64_t start) {
  const gt_gpt_config *config = &((const gpt *)m)->config;
  gt_tensor *x = gt_child(f, m, "token_embedding", idx);
  if (config->position == GT_POSITION_LEARNED) x = add_positions(f, m, start, gt_last(f, x));
  x = gt_dropout(f, m, config->dropout, gt_last(f, x));
  if (config->embedding_norm) x = gt_norm(f, m, "embedding_norm", gt_last(f, x));
  return x;
}

/* x (B, T, C) through every block, each of which receives `rest` after it. */
static gt_tensor *run_blocks(gt_frame *f, gt_module *m, gt_tensor *x, const gt_arguments *rest) {
  gt_module *blocks = gt_module_child(m, "blocks");
  if (f->status == GT_OK && !blocks)
    f->status = gt_fail(f->cx, GT_EARG, "%s: has no module blocks", gt_module_class_name(m));
  if (f->status != GT_OK) return NULL;
  gt_module_ref(blocks); /* a hook may replace it in the tree */
  for (int i = 0, layer = 0; f->status == GT_OK && i < blocks->slot_count; i++) {
    if (!blocks->slots[i].module) continue;
    if (rest->cache) rest->cache->at = layer++;
    x = gt_call_with(f, blocks->slots[i].module, gt_last(f, x), rest);
  }
  gt_module_unref(f->cx, blocks);
  return x;
}

/* Everything up to the last norm: idx (B, T) -> (B, T, C). */
static gt_tensor *trunk(gt_frame *f, gt_module *m, gt_tensor *idx, gt_cache *cache) {
  gt_arguments rest = {.count = 2, .cache = cache};
  int64_t T = idx->shape[1], start = cache ? cache->position : 0;
  if (cache) {
    const gt_module *blocks = gt_module_child(m, "blocks");
    int layers = blocks ? gt_module_length(blocks) : 0;
    f->status = gt_cache_check(f->cx, cache, layers, idx->shape[0], T);
  }
  if (((const gpt *)m)->config.position == GT_POSITION_ROPE) {
    gt_tensor *cos = table_rows(f, m, "cos", start, T);
    gt_tensor *sin = table_rows(f, m, "sin", start, T);
    rest.arg[1] = (gt_argument){.count = 2, .at = {cos, sin}};
  }
  gt_tensor *x = embed(f, m, idx, start);
  x = run_blocks(f, m, x, &rest);
  if (cache && f->status == GT_OK) f->status = gt_cache_advance(f->cx, cache, T);
  return gt_norm(f, m, "norm_f", gt_last(f, x));
}

/* x (B, T, C) -> logits (B, T, V), softcapped where the model has a cap; f32 unless x is f64. */
static gt_tensor *logits_of(gt_frame *f, gt_module *m, gt_tensor *x) {
  double cap = ((const gpt *)m)->config.softcap;
  gt_tensor *z = gt_child(f, m, "lm_head", x);
  if (z && gt_dtype_is_half(z->dtype))
    z = gt_op1_with(f, "to", gt_last(f, z), GT_ARGS({"dtype", GT_INT(GT_F32)}));
  if (cap > 0) z = gt_op1_with(f, "softcap", gt_last(f, z), GT_ARGS({"cap", GT_FLOAT(cap)}));
  return z;
}

/* The weight of lm_head when that is a plain Linear that is not observed, else NULL. */
static gt_tensor *plain_head(const gt_ctx *cx, const gt_module *head) {
  if (cx->observer || !head || head->class != &gt_class_linear ||
      head->forward != gt_class_linear.forward || gt_optional_tensor(head, "bias"))
    return NULL;
  return gt_optional_tensor(head, "weight");
}

/* Loss of x (B, T, C), the trunk's result; targets (B, T). */
static gt_tensor *loss(gt_frame *f, gt_module *m, gt_tensor *x, gt_tensor *targets,
                       const char *reduction) {
  if (!x) return NULL;
  const gt_module *head = gt_module_child(m, "lm_head");
  gt_tensor *table = plain_head(f->cx, head); /* (V, C) */
  const char *op = table ? "linear_cross_entropy" : "cross_entropy";
  gt_value how = gt_choice(f->cx, op, "reduction", reduction);
  gt_value ignored = GT_INT(IGNORE_INDEX);
  gt_value cap = GT_FLOAT(((const gpt *)m)->config.softcap);
  if (how.i < 0) {
    f->status = gt_fail(f->cx, GT_EARG, "%s: expected loss_reduction none, mean or sum, got '%s'",
                        gt_module_class_name(m), reduction);
    return NULL;
  }
  x = table ? gt_module_scaled(f, head, gt_last(f, x)) : logits_of(f, m, x);
  if (!x) return NULL;
  int64_t count = gt_count(targets);
  x = gt_reshape(f, x, 2, (int64_t[]){count, x->shape[x->ndim - 1]}); /* (B T, C) or (B T, V) */
  targets = gt_reshape(f, targets, 1, &count);                        /* (B T) */
  if (!table)
    return gt_op2_with(f, op, x, targets, GT_ARGS({"ignore_index", ignored}, {"reduction", how}));
  return gt_op3_with(f, op, x, table, targets,
                     GT_ARGS({"ignore_index", ignored}, {"reduction", how}, {"softcap", cap}));
}

static gt_status read_arguments(gt_ctx *cx, const gt_module *m, const gt_arguments *args,
                                gt_tensor **idx, gt_tensor **targets) {
  gt_frame f = {.cx = cx};
  *idx = gt_argument_tensor(&f, m, args, 0, "idx");
  *targets = NULL;
  if (*idx) f.status = check_tokens(cx, m, "idx", *idx, *idx);
  if (args->count > 1 && args->arg[1].count)
    *targets = gt_argument_tensor(&f, m, args, 1, "targets");
  if (*targets) f.status = check_tokens(cx, m, "targets", *targets, *idx);
  if (f.status == GT_OK && *targets && args->last_only)
    f.status = gt_fail(cx, GT_EARG, "%s: expected targets or last_only, got both",
                       gt_module_class_name(m));
  return gt_frame_end(&f);
}

static gt_status forward(gt_ctx *cx, gt_module *m, const gt_arguments *args, gt_tensor **out) {
  gt_tensor *idx, *targets; /* (B, T) */
  GT_TRY(read_arguments(cx, m, args, &idx, &targets));
  gt_frame f = {.cx = cx};
  gt_tensor *x = trunk(&f, m, idx, args->cache); /* (B, T, C) */
  if (args->last_only && x && x->shape[1] > 1)   /* (B, 1, C) */
    x = gt_op1_with(&f, "slice", gt_last(&f, x),
                    GT_ARGS({"dim", GT_INT(1)}, {"start", GT_INT(-1)}));
  gt_tensor *y = targets ? loss(&f, m, x, targets, args->reduction ? args->reduction : "mean")
                         : logits_of(&f, m, x); /* (B, T, V) */
  return gt_frame_return(&f, y, out);
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

static gt_status add_blocks(gt_ctx *cx, gt_module *m, const gt_backend *device) {
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

gt_status gt_gpt_set_tables(gt_ctx *cx, gt_module *m, const gt_backend *device) {
  const gpt *g = (const gpt *)m;
  gt_frame f = {.cx = cx};
  gt_tensor *table[2];
  if (g->config.position != GT_POSITION_ROPE) return GT_OK;
  gt_rotary_tables(&f, g->rotary_seq_len, gt_gpt_head_dim(&g->config), ROTARY_BASE, device, table);
  if (f.status == GT_OK) f.status = gt_module_set_buffer(cx, m, "cos", table[0], false);
  if (f.status == GT_OK) f.status = gt_module_set_buffer(cx, m, "sin", table[1], false);
  return gt_frame_end(&f);
}

static gt_status add_embedding(gt_ctx *cx, gt_module *m, const char *name, int64_t count,
                               const gt_backend *device) {
  gt_module *child = NULL;
  int64_t width = ((const gpt *)m)->config.hidden_dim;
  GT_TRY(gt_embedding_new(cx, count, width, GT_F32, device, &child));
  return gt_module_adopt(cx, m, name, child);
}

static gt_status add_head(gt_ctx *cx, gt_module *m, const gt_backend *device) {
  const gt_gpt_config *config = &((const gpt *)m)->config;
  gt_module *child = NULL;
  if (!config->tied)
    return gt_linear_add(cx, m, "lm_head", config->hidden_dim, config->vocab_size, false, device);
  gt_tensor *table = gt_optional_tensor(gt_module_child(m, "token_embedding"), "weight");
  GT_TRY(gt_linear_tied(cx, table, &child));
  return gt_module_adopt(cx, m, "lm_head", child);
}

static gt_status build(gt_ctx *cx, gt_module *m, const gt_backend *device) {
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

gt_status gt_gpt_count(gt_ctx *cx, const gt_gpt_config *config, int64_t *count) {
  gt_module *m = NULL;
  uint64_t stream = cx->stream;
  gt_status status = gt_gpt_new(cx, config, &gt_backend_meta, &m);
  cx->stream = stream;
  int64_t found = status == GT_OK ? gt_module_parameter_count(cx, m) : 0;
  gt_module_unref(cx, m);
  if (found < 0) return GT_ENOMEM;
  if (status == GT_OK) *count = found;
  return status;
}

/* Refuses a model that the device cannot hold before the first of its weights is made. */
static gt_status check_memory(gt_ctx *cx, const gt_gpt_config *config, const gt_backend *device) {
  size_t available = 0, total = 0;
  int64_t count = 0;
  if (!device->data) return GT_OK;
  GT_TRY(device->memory(cx, device, &available, &total));
  GT_TRY(gt_gpt_count(cx, config, &count));
  gt_memory_stats held = gt_memory(cx, device);
  double room = (double)available + (double)(held.cached - held.live);
  double bytes = (double)count * (double)gt_dtype_size(GT_F32);
  if (bytes <= room) return GT_OK;
  return gt_fail(cx, GT_ENOMEM,
                 "GPT: out of memory on %s: expected at most %.1f MB of weights, got %.1f MB",
                 device->name, room / 1e6, bytes / 1e6);
}

gt_status gt_gpt_new(gt_ctx *cx, const gt_gpt_config *config, const gt_backend *device,
                     gt_module **out) {
  GT_TRY(check_memory(cx, config, device));
  gt_module *m = NULL;
  GT_TRY(gt_module_new(cx, &gt_class_gpt, &m));
  ((gpt *)m)->config = *config;
  ((gpt *)m)->rotary_seq_len =
      config->position == GT_POSITION_ROPE ? ROTARY_LENGTHS * config->sequence_len : 0;
  return gt_module_built(cx, m, build(cx, m, device), out);
}
