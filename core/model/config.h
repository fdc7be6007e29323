/* config.h: the settings of a GPT.  The defaults are the GPT of the founding notebook; the others
 * make it the model that GPT-2 is (LayerNorm, biases, GELU, learned positions) and most of what
 * lies between. */
#ifndef GT_GPT_CONFIG_H
#define GT_GPT_CONFIG_H

#include "core/tensor/context.h"

/* Choices are positions in the lists of gt_gpt_settings. */
enum { GT_NORM_RMS, GT_NORM_LAYER };
enum { GT_ACTIVATION_RELU2, GT_ACTIVATION_GELU, GT_ACTIVATION_GELU_TANH, GT_ACTIVATION_SILU };
enum { GT_POSITION_ROPE, GT_POSITION_LEARNED };
enum { GT_GPT_INIT_SPECTRAL, GT_GPT_INIT_GPT2 };

typedef struct gt_gpt_config {
  int64_t hidden_dim, n_layers, n_heads, mlp_ratio, vocab_size, sequence_len;
  int64_t n_kv_heads;     /* heads of keys and values; 0: n_heads */
  int64_t norm;           /* rms: without parameters; layer: modules LayerNorm */
  int64_t bias;           /* of the blocks' Linear layers and of LayerNorm */
  int64_t activation;     /* of the MLP */
  int64_t position;       /* rope, or a table added to the token embedding */
  int64_t qk_norm;        /* RMS norm of each head of q and k, after RoPE */
  double softcap;         /* bound of the logits; 0: none */
  int64_t tied;           /* lm_head.weight is token_embedding.weight */
  int64_t embedding_norm; /* a norm before the first block */
  double dropout;         /* of the embedding, attention weights and both branches, in training */
  int64_t init;           /* the initializer of gt_gpt_init_weights */
} gt_gpt_config;

extern const gt_gpt_config gt_gpt_defaults;

/* One setting, for bindings: where it lies and how it is read. */
typedef enum gt_setting_kind {
  GT_SETTING_SIZE,          /* int64_t, at least 1 */
  GT_SETTING_OPTIONAL_SIZE, /* int64_t, 0: not set */
  GT_SETTING_BOOL,          /* int64_t, 0 or 1 */
  GT_SETTING_CHOICE,        /* int64_t, position in `choices` */
  GT_SETTING_NUMBER         /* double */
} gt_setting_kind;

typedef struct gt_gpt_setting {
  const char *name;
  gt_setting_kind kind;
  size_t offset;       /* in gt_gpt_config */
  const char *choices; /* "rms|layer" */
} gt_gpt_setting;

extern const gt_gpt_setting gt_gpt_settings[]; /* in the order of definition */
extern const int gt_gpt_setting_count;

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
