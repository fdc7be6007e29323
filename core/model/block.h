/* block.h: one layer of the GPT and its parts. */
#ifndef GT_BLOCK_H
#define GT_BLOCK_H

#include "core/model/config.h"
#include "core/model/forward.h"

extern const gt_module_class gt_class_attention; /* MultiHeadAttention(x, cos_sin) */
extern const gt_module_class gt_class_feed_forward;
extern const gt_module_class gt_class_block; /* TransformerBlock(x, cos_sin) */

/* Constructors; `config` has passed gt_gpt_config_check(). */
gt_status gt_attention_new(gt_ctx *cx, const gt_gpt_config *config, const gt_backend *device,
                           gt_module **out);
gt_status gt_feed_forward_new(gt_ctx *cx, const gt_gpt_config *config, const gt_backend *device,
                              gt_module **out);
gt_status gt_block_new(gt_ctx *cx, const gt_gpt_config *config, const gt_backend *device,
                       gt_module **out);

/* Where an attention keeps the factor of its scores, 0 standing for 1 / sqrt(head_dim); NULL for
 * another module. */
double *gt_attention_scale(gt_module *m);

/* The norm `name` of a block or model: a module where the config asks for one ... */
gt_status gt_norm_add(gt_ctx *cx, gt_module *m, const char *name, const gt_gpt_config *config,
                      const gt_backend *device);
/* ... and rms_norm without parameters where there is none. */
gt_tensor *gt_norm(gt_frame *f, const gt_module *m, const char *name, gt_tensor *x);

#endif
