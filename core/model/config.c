/* config.c: the settings of a GPT: a row each, and what they must satisfy together. */
#include "core/model/config.h"

#include <stddef.h>
#include <string.h>

/* Each layer is a dozen modules, and names are looked for one by one. */
enum { MAX_LAYERS = 10000 };

#define PLACE(member) (offsetof(gt_gpt_config, member) / 8)
#define ROW(member, kind, value, ...)                                                              \
  [PLACE(member)] = {.name = #member, .type = GT_SETTING_##kind, .preset = value, __VA_ARGS__}
#define SIZE .low = 1, .high = INT32_MAX

const gt_setting gt_gpt_settings[GT_GPT_SETTINGS] = {
    ROW(hidden_dim, INT, GT_INT(1024), SIZE, .doc = "width of the residual stream"),
    ROW(n_layers, INT, GT_INT(24), .low = 1, .high = MAX_LAYERS, .doc = "transformer blocks"),
    ROW(n_heads, INT, GT_INT(8), SIZE, .doc = "heads of queries; they divide hidden_dim"),
    ROW(mlp_ratio, INT, GT_INT(3), SIZE, .doc = "width of the MLP divided by hidden_dim"),
    ROW(vocab_size, INT, GT_INT(32768), SIZE, .doc = "tokens"),
    ROW(sequence_len, INT, GT_INT(1024), SIZE,
        .doc = "tokens in a sequence of training; RoPE takes inputs of up to 10 times that"),
    ROW(n_kv_heads, INT, GT_INT(0), .high = INT32_MAX,
        .doc = "heads of keys and values (grouped queries); 0: n_heads"),
    ROW(norm, CHOICE, GT_INT(GT_NORM_RMS), .choices = "rms|layer",
        .doc = "rms: without parameters; layer: LayerNorm"),
    ROW(bias, BOOL, GT_INT(0), .doc = "of the Linear layers in the blocks and of LayerNorm"),
    ROW(activation, CHOICE, GT_INT(GT_ACTIVATION_RELU2), .choices = "relu2|gelu|gelu_tanh|silu",
        .doc = "of the MLP"),
    ROW(position, CHOICE, GT_INT(GT_POSITION_ROPE), .choices = "rope|learned",
        .doc = "rope, or learned: a table added to the token embedding"),
    ROW(qk_norm, BOOL, GT_INT(1), .doc = "RMS norm of every head of queries and keys, after RoPE"),
    ROW(softcap, FLOAT, GT_FLOAT(15), .high = 1e30,
        .doc = "logits become softcap tanh(logits / softcap); 0: left alone"),
    ROW(tied, BOOL, GT_INT(1), .doc = "lm_head.weight is token_embedding.weight"),
    ROW(embedding_norm, BOOL, GT_INT(1), .doc = "a norm before the first block"),
    ROW(dropout, FLOAT, GT_FLOAT(0), .high = 1, .below = true,
        .doc = "in training: of the embedding, attention weights and both branches of every block"),
    ROW(init, CHOICE, GT_INT(GT_GPT_INIT_SPECTRAL), .choices = "spectral|gpt2",
        .doc = "initializer of init_weights; spectral: the notebook's"),
};

gt_value gt_gpt_get(const gt_gpt_config *config, int setting) {
  const char *at = (const char *)config + 8 * setting;
  gt_value value = {.given = true};
  if (gt_gpt_settings[setting].type == GT_SETTING_FLOAT)
    memcpy(&value.f, at, sizeof value.f);
  else
    memcpy(&value.i, at, sizeof value.i);
  return value;
}

void gt_gpt_set(gt_gpt_config *config, int setting, const gt_value *value) {
  char *at = (char *)config + 8 * setting;
  if (gt_gpt_settings[setting].type == GT_SETTING_FLOAT)
    memcpy(at, &value->f, sizeof value->f);
  else
    memcpy(at, &value->i, sizeof value->i);
}

gt_gpt_config gt_gpt_defaults(void) {
  gt_gpt_config config;
  for (int i = 0; i < GT_GPT_SETTINGS; i++) gt_gpt_set(&config, i, &gt_gpt_settings[i].preset);
  return config;
}

/* ---- checks ---- */

static gt_status check_heads(gt_ctx *cx, const gt_gpt_config *c) {
  long long width = c->hidden_dim, heads = c->n_heads, kv_heads = gt_gpt_kv_heads(c);
  if (width % heads)
    return gt_fail(cx, GT_EARG, "GPTConfig: n_heads must divide hidden_dim, got %lld and %lld",
                   heads, width);
  if (heads % kv_heads)
    return gt_fail(cx, GT_EARG, "GPTConfig: n_kv_heads must divide n_heads, got %lld and %lld",
                   kv_heads, heads);
  if (c->position == GT_POSITION_ROPE && width / heads % 2)
    return gt_fail(cx, GT_EARG,
                   "GPTConfig: head_dim must be even for RoPE, got %lld (hidden_dim / n_heads)",
                   width / heads);
  return GT_OK;
}

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
  for (int i = 0; i < GT_GPT_SETTINGS; i++) {
    gt_value value = gt_gpt_get(config, i);
    GT_TRY(gt_setting_check(cx, "GPTConfig", &gt_gpt_settings[i], &value));
  }
  GT_TRY(check_heads(cx, config));
  return check_products(cx, config);
}
