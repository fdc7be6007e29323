/* gpt.h: the GPT as native modules.  The defaults are the GPT of the founding notebook: pre-norm
 * blocks, RoPE then QK-norm, relu^2 MLP, tied head, softcap 15; same names, same registration
 * order, same double initialisation of the tied table.  The other settings make it the model that
 * GPT-2 is (LayerNorm, biases, GELU, learned positions) and most of what lies between. */
#ifndef GT_GPT_H
#define GT_GPT_H

#include "core/model/module.h"

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
  int64_t init;           /* law of gt_gpt_init_weights */
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

/* Every setting in its range, heads divide, head_dim even under RoPE, sizes representable. */
gt_status gt_gpt_config_check(gt_ctx *cx, const gt_gpt_config *config);
double gt_gpt_weights(const gt_gpt_config *config); /* elements of its matrices */

static inline int64_t gt_gpt_kv_heads(const gt_gpt_config *config) {
  return config->n_kv_heads ? config->n_kv_heads : config->n_heads;
}

extern const gt_module_class gt_class_attention; /* MultiHeadAttention(x, cos_sin) */
extern const gt_module_class gt_class_feed_forward;
extern const gt_module_class gt_class_block; /* TransformerBlock(x, cos_sin) */
extern const gt_module_class gt_class_gpt;   /* GPT(idx, targets) */

gt_status gt_attention_new(gt_ctx *cx, const gt_gpt_config *config, const gt_device *device,
                           gt_module **out);
/* Where an attention keeps the factor of its scores, 0 standing for 1 / sqrt(head_dim); NULL for
 * another module. */
double *gt_attention_scale(gt_module *m);
gt_status gt_feed_forward_new(gt_ctx *cx, const gt_gpt_config *config, const gt_device *device,
                              gt_module **out);
gt_status gt_block_new(gt_ctx *cx, const gt_gpt_config *config, const gt_device *device,
                       gt_module **out);
gt_status gt_gpt_new(gt_ctx *cx, const gt_gpt_config *config, const gt_device *device,
                     gt_module **out);

const gt_gpt_config *gt_gpt_config_of(const gt_module *gpt); /* NULL when m is not a native GPT */

/* Fresh weights and rotary tables by the law config.init.
 *   spectral: the notebook's: normal(0, min(1, sqrt(out/in))/sqrt(in)) on every Linear, N(0, 1) on
 *   every Embedding, in apply order (so the tied table ends with the Linear law), zero output
 *   projections, zero biases, bf16 table on cuda.
 *   gpt2: normal(0, 0.02) on every Linear and Embedding, 0.02 / sqrt(2 n_layers) on the output
 *   projections, zero biases. */
gt_status gt_gpt_init_weights(gt_ctx *cx, gt_module *gpt);
/* The tables of RoPE as buffers cos and sin of the model; nothing when it learns its positions. */
gt_status gt_gpt_set_tables(gt_ctx *cx, gt_module *gpt, const gt_device *device);

/* True when forwards of this model can use a cache: all its attention is native. */
bool gt_gpt_takes_cache(const gt_module *gpt);

/* The norm `name` of a block or model: a module where the config asks for one ... */
gt_status gt_norm_add(gt_ctx *cx, gt_module *m, const char *name, const gt_gpt_config *config,
                      const gt_device *device);
/* ... and rms_norm without parameters where there is none. */
gt_status gt_norm_call(gt_ctx *cx, const gt_module *m, const char *name, gt_tensor *x,
                       gt_tensor **out);

/* cos, sin: (1, sequence, 1, head_dim/2), computed in f32 and rounded to bf16; base 10000. */
gt_status gt_rotary_tables(gt_ctx *cx, int64_t sequence, int64_t head_dim, double base,
                           const gt_device *device, gt_tensor **cos, gt_tensor **sin);

#endif
