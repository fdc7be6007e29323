/* loss.h: attributes and shape rule of the cross-entropy losses. */
#ifndef GT_LOSS_H
#define GT_LOSS_H

#include "core/tensor/op.h"

/* Attributes that both losses have, in this order. */
enum { GT_CE_SOFTCAP, GT_CE_IGNORE, GT_CE_REDUCTION };
enum { GT_CE_NONE, GT_CE_MEAN, GT_CE_SUM };

#define GT_CE_ATTRS                                                                                \
  {.name = "softcap",                                                                              \
   .type = GT_SETTING_FLOAT,                                                                       \
   .by_name = true,                                                                                \
   .instead = "cross_entropy(cap * torch.tanh(logits / cap), targets)",                            \
   .doc = "if positive, logits are first bounded to softcap * tanh(logits / softcap)"},            \
      {.name = "ignore_index",                                                                     \
       .type = GT_SETTING_INT,                                                                     \
       .by_name = true,                                                                            \
       .preset = {.given = true, .i = -100},                                                       \
       .doc = "targets of this value do not count"},                                               \
  {                                                                                                \
    .name = "reduction", .type = GT_SETTING_CHOICE, .choices = "none|mean|sum",                    \
    .preset = {.i = GT_CE_MEAN}, .by_name = true,                                                  \
    .doc = "one loss per row, or their mean over the rows that count, or their sum"                \
  }

/* Checks the attributes and targets (N); sets output 0 (the loss, `dtype`) and 1 (hidden: the tops
 * of all rows, then their rests). */
gt_status gt_ce_infer(gt_call *c, int targets, int64_t rows, gt_dtype dtype);

/* linear_cross_entropy works on blocks of so many logits; when one holds all, it is output 2. */
enum { GT_LCE_TOKENS = 1024, GT_LCE_CLASSES = 2048 };
static inline bool gt_lce_keeps_logits(int64_t N, int64_t V) {
  return N <= GT_LCE_TOKENS && V <= GT_LCE_CLASSES;
}

#endif
