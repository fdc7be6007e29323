/* config.c: the settings of a GPT: their names, kinds, defaults and what they must satisfy. */
#include "core/model/config.h"

#include "core/tensor/op.h"
#include "core/tensor/text.h"

#include <stddef.h>
#include <stdio.h>

const gt_gpt_config gt_gpt_defaults = {
    .hidden_dim = 1024,
    .n_layers = 24,
    .n_heads = 8,
    .mlp_ratio = 3,
    .vocab_size = 32768,
    .sequence_len = 1024,
    .qk_norm = 1,
    .tied = 1,
    .embedding_norm = 1,
    .softcap = 15,
};

#define MOST_LAYERS 10000 /* each is a dozen modules, and names are looked for one by one */

#define ROW(kind, field) #field, kind, offsetof(gt_gpt_config, field)

const gt_gpt_setting gt_gpt_settings[] = {
    {ROW(GT_SETTING_SIZE, hidden_dim), NULL},
    {ROW(GT_SETTING_SIZE, n_layers), NULL},
    {ROW(GT_SETTING_SIZE, n_heads), NULL},
    {ROW(GT_SETTING_SIZE, mlp_ratio), NULL},
    {ROW(GT_SETTING_SIZE, vocab_size), NULL},
    {ROW(GT_SETTING_SIZE, sequence_len), NULL},
    {ROW(GT_SETTING_OPTIONAL_SIZE, n_kv_heads), NULL},
    {ROW(GT_SETTING_CHOICE, norm), "rms|layer"},
    {ROW(GT_SETTING_BOOL, bias), NULL},
    {ROW(GT_SETTING_CHOICE, activation), "relu2|gelu|gelu_tanh|silu"},
    {ROW(GT_SETTING_CHOICE, position), "rope|learned"},
    {ROW(GT_SETTING_BOOL, qk_norm), NULL},
    {ROW(GT_SETTING_NUMBER, softcap), NULL},
    {ROW(GT_SETTING_BOOL, tied), NULL},
    {ROW(GT_SETTING_BOOL, embedding_norm), NULL},
    {ROW(GT_SETTING_NUMBER, dropout), NULL},
    {ROW(GT_SETTING_CHOICE, init), "spectral|gpt2"},
};
const int gt_gpt_setting_count = GT_COUNT(gt_gpt_settings);

/* ---- checks ---- */

static gt_status check_setting(gt_ctx *cx, const gt_gpt_config *config, const gt_gpt_setting *s) {
  long long n =
      s->kind == GT_SETTING_NUMBER ? 0 : *(const int64_t *)((const char *)config + s->offset);
  long long most = s->offset == offsetof(gt_gpt_config, n_layers) ? MOST_LAYERS : INT32_MAX;
  if (s->kind == GT_SETTING_SIZE && (n < 1 || n > most))
    return gt_fail(cx, GT_EARG, "GPTConfig: expected %s in 1 ... %lld, got %lld", s->name, most, n);
  if (s->kind == GT_SETTING_OPTIONAL_SIZE && (n < 0 || n > INT32_MAX))
    return gt_fail(cx, GT_EARG, "GPTConfig: expected %s in 0 ... 2147483647, got %lld", s->name, n);
  return GT_OK;
}

static gt_status check_numbers(gt_ctx *cx, const gt_gpt_config *c) {
  char text[GT_NUMBER_TEXT];
  if (!(c->softcap >= 0 && c->softcap <= 1e30))
    return gt_fail(cx, GT_EARG, "GPTConfig: expected softcap >= 0 (0: none), got %s",
                   gt_number_text(c->softcap, text));
  if (!(c->dropout >= 0 && c->dropout < 1))
    return gt_fail(cx, GT_EARG, "GPTConfig: expected dropout in [0, 1), got %s",
                   gt_number_text(c->dropout, text));
  return GT_OK;
}

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
  for (int i = 0; i < gt_gpt_setting_count; i++)
    GT_TRY(check_setting(cx, config, &gt_gpt_settings[i]));
  GT_TRY(check_numbers(cx, config));
  GT_TRY(check_heads(cx, config));
  return check_products(cx, config);
}
