/* adamw.c: AdamW (Loshchilov & Hutter, ICLR 2019) with PyTorch's defaults.
 *
 *   p <- p (1 - lr wd);  m, v: moving averages of g, g^2
 *   p <- p - lr/(1 - beta1^t) m / (sqrt(v/(1 - beta2^t)) + eps) */
#include "core/tensor/run.h"
#include "core/train/optim.h"

#include <math.h>

enum { LR, BETA1, BETA2, EPS, WEIGHT_DECAY };

static const gt_setting hypers[] = {
    [LR] = {"lr", GT_SETTING_FLOAT, GT_FLOAT(1e-3), .high = INFINITY, .doc = "learning rate"},
    [BETA1] = {"beta1", GT_SETTING_FLOAT, GT_FLOAT(0.9), .high = 1, .below = true,
               .doc = "decay of the moving average of gradients"},
    [BETA2] = {"beta2", GT_SETTING_FLOAT, GT_FLOAT(0.999), .high = 1, .below = true,
               .doc = "decay of that of their squares"},
    [EPS] = {"eps", GT_SETTING_FLOAT, GT_FLOAT(1e-8), .high = INFINITY,
             .doc = "added to the root of the mean square"},
    [WEIGHT_DECAY] = {"weight_decay", GT_SETTING_FLOAT, GT_FLOAT(0.01), .high = INFINITY,
                      .doc = "each step takes lr weight_decay w off"},
};

static const char *const states[] = {"exp_avg", "exp_avg_sq"};

static gt_status update(gt_ctx *cx, int count, gt_tensor *const *p, gt_tensor *const *state,
                        const int64_t *steps, const gt_value *hyper) {
  for (int i = 0; i < count; i++) {
    gt_tensor *in[4] = {p[i], p[i]->grad, state[2 * i], state[2 * i + 1]};
    GT_TRY(gt_apply(cx, "adamw", in, 4,
                    GT_ARGS({"lr", hyper[LR]}, {"beta1", hyper[BETA1]}, {"beta2", hyper[BETA2]},
                            {"eps", hyper[EPS]}, {"weight_decay", hyper[WEIGHT_DECAY]},
                            {"step", GT_INT(steps[i])}),
                    NULL));
  }
  return GT_OK;
}

const gt_optimizer_class gt_adamw = {
    .name = "AdamW",
    .doc = "optim.AdamW(params[, {lr = 0.001, betas = {0.9, 0.999}, eps = 1e-8, weight_decay = "
           "0.01}]) -> an optimizer.\n"
           "params: m:parameters(), a list of tensors, or groups {{params = …, lr = …}, …}; "
           "opt.param_groups[1].lr may be written\n"
           "at any time.  weight_decay takes lr weight_decay w off every step.  "
           "(Loshchilov & Hutter 2019)",
    .family = "adam",
    .hypers = hypers,
    .hyper_count = GT_COUNT(hypers),
    .states = states,
    .state_count = GT_COUNT(states),
    .update = update,
};
