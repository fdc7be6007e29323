/* gpt.h: the GPT of the founding notebook as native modules: pre-norm blocks, RoPE then QK-norm,
 * relu^2 MLP, tied head, softcap 15.  Same names, same registration order, same double
 * initialisation of the tied table. */
#ifndef GT_GPT_H
#define GT_GPT_H

#include "core/model/module.h"

typedef struct gt_gpt_config {
  int64_t hidden_dim, n_layers, n_heads, mlp_ratio, vocab_size, sequence_len;
} gt_gpt_config;

extern const gt_gpt_config gt_gpt_defaults; /* 1024, 24, 8, 3, 32768, 1024 */

/* X(field): the fields in order, for bindings, repr and error texts. */
#define GT_GPT_FIELDS(X)                                                                           \
  X(hidden_dim) X(n_layers) X(n_heads) X(mlp_ratio) X(vocab_size) X(sequence_len)

gt_status gt_gpt_config_check(
    gt_ctx *cx,
    const gt_gpt_config *config); /* positive, heads divide, head_dim even, sizes representable */

extern const gt_module_class gt_class_attention; /* MultiHeadAttention(x, cos_sin) */
extern const gt_module_class gt_class_feed_forward;
extern const gt_module_class gt_class_block; /* TransformerBlock(x, cos_sin) */
extern const gt_module_class gt_class_gpt;   /* GPT(idx, targets) */

gt_status gt_attention_new(gt_ctx *cx, const gt_gpt_config *config, const gt_device *device,
                           gt_module **out);
gt_status gt_feed_forward_new(gt_ctx *cx, const gt_gpt_config *config, const gt_device *device,
                              gt_module **out);
gt_status gt_block_new(gt_ctx *cx, const gt_gpt_config *config, const gt_device *device,
                       gt_module **out);
gt_status gt_gpt_new(gt_ctx *cx, const gt_gpt_config *config, const gt_device *device,
                     gt_module **out);

const gt_gpt_config *gt_gpt_config_of(const gt_module *gpt); /* NULL when m is not a native GPT */

/* The notebook's init_weights: normal(0, min(1, sqrt(out/in))/sqrt(in)) on every Linear, N(0,1) on
 * every Embedding, in apply order (so the tied table ends with the Linear law), zero output
 * projections, fresh rotary tables, bf16 table on cuda. */
gt_status gt_gpt_init_weights(gt_ctx *cx, gt_module *gpt);

/* cos, sin: (1, sequence, 1, head_dim/2), computed in f32 and rounded to bf16; base 10000. */
gt_status gt_rotary_tables(gt_ctx *cx, int64_t sequence, int64_t head_dim, double base,
                           const gt_device *device, gt_tensor **cos, gt_tensor **sin);

#endif
