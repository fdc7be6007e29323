/* bpe_train.h: training a byte-pair tokenizer: again and again, the most frequent pair of
 * neighbours becomes a token; of equally frequent ones, the pair with the smallest ids. */
#ifndef GT_BPE_TRAIN_H
#define GT_BPE_TRAIN_H

#include "core/data/tokenizer.h"

typedef struct gt_bpe_trainer gt_bpe_trainer;

/* Called ten times a second or so: in bytes while text is read, in tokens while pairs merge (phase
 * "read" and "merge"; total 0 when not known).  Anything but GT_OK stops the training. */
typedef gt_status (*gt_bpe_report)(void *data, const char *phase, int64_t done, int64_t total);

/* Pattern as for gt_split_new; n == 0: no cuts.  `report` may be NULL. */
gt_status gt_bpe_trainer_new(gt_ctx *cx, const char *pattern, size_t n, gt_bpe_report report,
                             void *data, gt_bpe_trainer **out);
void gt_bpe_trainer_free(gt_bpe_trainer *trainer);

/* Adds a document; what is kept of it are the counts of its pieces. */
gt_status gt_bpe_trainer_add(gt_ctx *cx, gt_bpe_trainer *trainer, const char *text, size_t size);
/* Adds a file as one document, read piece by piece. */
gt_status gt_bpe_trainer_add_file(gt_ctx *cx, gt_bpe_trainer *trainer, const char *path);

/* The tokenizer of vocab_size tokens, fewer when no pair is left that occurs min_count times.  Ids:
 * the bytes 0 … 255, then merges in their order.  The trainer is used up. */
gt_status gt_bpe_trainer_run(gt_ctx *cx, gt_bpe_trainer *trainer, int64_t vocab_size,
                             int64_t min_count, gt_tokenizer **out);

#endif
