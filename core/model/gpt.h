/* gpt.h: the GPT as native modules.  With the default settings it is the GPT of the founding
 * notebook: pre-norm blocks, RoPE then QK-norm, relu^2 MLP, tied head, softcap 15; same names, same
 * registration order, same double initialisation of the tied table. */
#ifndef GT_GPT_H
#define GT_GPT_H

#include "core/model/config.h"
#include "core/model/module.h"

extern const gt_module_class gt_class_gpt; /* GPT(idx, targets) */

/* `config` has passed gt_gpt_config_check(). */
gt_status gt_gpt_new(gt_ctx *cx, const gt_gpt_config *config, const gt_backend *device,
                     gt_module **out);

/* Parameters of the model that config makes, a tied table once: those of one on meta.  Takes no
 * random stream. */
gt_status gt_gpt_count(gt_ctx *cx, const gt_gpt_config *config, int64_t *count);

const gt_gpt_config *gt_gpt_config_of(const gt_module *gpt); /* NULL when m is not a native GPT */

/* Fresh weights and rotary tables by the initializer config.init.
 *   spectral: the notebook's: normal(0, min(1, sqrt(out/in))/sqrt(in)) on every Linear, N(0, 1) on
 *   every Embedding, in apply order (so the tied table ends with that of the Linear), zero output
 *   projections, zero biases, bf16 table on cuda.
 *   gpt2: normal(0, 0.02) on every Linear and Embedding, 0.02 / sqrt(2 n_layers) on the output
 *   projections, zero biases. */
gt_status gt_gpt_init_weights(gt_ctx *cx, gt_module *gpt);
/* The tables of RoPE as buffers cos and sin of the model; nothing when it learns its positions. */
gt_status gt_gpt_set_tables(gt_ctx *cx, gt_module *gpt, const gt_backend *device);

/* True when forwards of this model can use a cache: all its attention is native. */
bool gt_gpt_takes_cache(const gt_module *gpt);

#endif
