/* gpt.h: the GPT as native modules.  The defaults are the GPT of the founding notebook: pre-norm
 * blocks, RoPE then QK-norm, relu^2 MLP, tied head, softcap 15; same names, same registration
 * order, same double initialisation of the tied table.  The other settings make it the model that
 * GPT-2 is (LayerNorm, biases, GELU, learned positions) and most of what lies between. */
#ifndef GT_GPT_H
#define GT_GPT_H

#include "core/model/module.h"

/* Choices are positions in the rows of gt_gpt_settings. */
enum { GT_NORM_RMS, GT_NORM_LAYER };
enum { GT_ACTIVATION_RELU2, GT_ACTIVATION_GELU, GT_ACTIVATION_GELU_TANH, GT_ACTIVATION_SILU };
enum { GT_POSITION_ROPE, GT_POSITION_LEARNED };
enum { GT_GPT_INIT_SPECTRAL, GT_GPT_INIT_GPT2 };

/* Every member has 8 bytes, so that its place says which row of gt_gpt_settings is its own. */
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
