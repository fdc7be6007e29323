/* config.h: the settings of a GPT.  The defaults are the GPT of the founding notebook; the others
 * make it the model that GPT-2 is (LayerNorm, biases, GELU, learned positions) and most of what
 * lies between. */
#ifndef GT_GPT_CONFIG_H
#define GT_GPT_CONFIG_H

#include "core/tensor/setting.h"

/* Choices are positions in the rows of gt_gpt_settings. */
enum { GT_NORM_RMS, GT_NORM_LAYER };
enum { GT_ACTIVATION_RELU2, GT_ACTIVATION_GELU, GT_ACTIVATION_GELU_TANH, GT_ACTIVATION_SILU };
enum { GT_POSITION_ROPE, GT_POSITION_LEARNED };
enum { GT_GPT_INIT_SPECTRAL, GT_GPT_INIT_GPT2 };

/* Every member has 8 bytes, so that its place says which row of gt_gpt_settings, which also says
 * what it is, is its own. */
typedef struct gt_gpt_config {
  int64_t hidden_dim, n_layers, n_heads, mlp_ratio, vocab_size, sequence_len;
  int64_t n_kv_heads; /* 0: n_heads */
  int64_t norm, bias, activation, position, qk_norm;
  double softcap;
  int64_t tied, embedding_norm;
  double dropout;
  int64_t init;
} gt_gpt_config;

/* A row per member, INT, BOOL and CHOICE for int64_t, FLOAT for double. */
#define GT_GPT_SETTINGS (int)(sizeof(gt_gpt_config) / 8)
extern const gt_setting gt_gpt_settings[GT_GPT_SETTINGS];
gt_value gt_gpt_get(const gt_gpt_config *config, int setting);
void gt_gpt_set(gt_gpt_config *config, int setting, const gt_value *value);
gt_gpt_config gt_gpt_defaults(void);

/* Every setting in its range, heads divide, head_dim even under RoPE, sizes representable.  Called
 * once, by the reader of a configuration; constructors take one that has passed. */
gt_status gt_gpt_config_check(gt_ctx *cx, const gt_gpt_config *config);

static inline int64_t gt_gpt_head_dim(const gt_gpt_config *config) {
  return config->hidden_dim / config->n_heads;
}

static inline int64_t gt_gpt_kv_heads(const gt_gpt_config *config) {
  return config->n_kv_heads ? config->n_kv_heads : config->n_heads;
}

#endif
