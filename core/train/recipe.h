/* recipe.h: the optimizers of the founding notebook for a native GPT: AdamW for the tied table,
 * Muon for every matrix inside the blocks. */
#ifndef GT_RECIPE_H
#define GT_RECIPE_H

#include "core/model/gpt.h"
#include "core/train/optim.h"

typedef struct gt_recipe {
  double embedding_lr, matrix_lr, weight_decay;
} gt_recipe;

extern const gt_recipe gt_recipe_defaults; /* 0.2, 0.02, 0 */

/* The embedding rate is scaled by (hidden_dim / 768)^-1/2; betas 0.8, 0.95, eps 1e-10; momentum
 * 0.95. `note` receives the line that the notebook prints.  GT_EARG when a parameter is in neither
 * group. */
gt_status gt_recipe_make(gt_ctx *cx, gt_module *gpt, const gt_recipe *recipe, gt_optimizer **adamw,
                         gt_optimizer **muon, gt_text *note);

#endif
