/* tokens.h: a sequence of token ids, in memory (from text) or in shards on disk, read by position.
 * Memory is bounded: of shards only what is asked for is read. */
#ifndef GT_TOKENS_H
#define GT_TOKENS_H

#include "core/data/shard.h"

typedef struct gt_tokens gt_tokens;

/* An empty sequence.  Ids are below vocab_size; 0: not known, then any id is taken until
 * gt_tokens_set_vocab. */
gt_status gt_tokens_new(gt_ctx *cx, int64_t vocab_size, gt_tokens **out);
gt_tokens *gt_tokens_ref(gt_tokens *t);
void gt_tokens_unref(gt_tokens *t);
/* The tokens [begin, end) of t, which lives as long as they do. */
gt_status gt_tokens_view(gt_ctx *cx, gt_tokens *t, int64_t begin, int64_t end, gt_tokens **out);

/* Appending is for the one that makes the sequence, before anybody reads.  Ids in memory take as
 * few bytes as vocab_size (which must be known) allows. */
gt_status gt_tokens_append(gt_ctx *cx, gt_tokens *t, const int32_t *ids, int64_t n);
gt_status gt_tokens_append_bytes(gt_ctx *cx, gt_tokens *t, const unsigned char *ids, int64_t n);
gt_status gt_tokens_append_shard(gt_ctx *cx, gt_tokens *t, const char *path,
                                 gt_shard_format format);

int64_t gt_tokens_count(const gt_tokens *t);
int64_t gt_tokens_vocab(const gt_tokens *t);
void gt_tokens_set_vocab(gt_tokens *t, int64_t vocab_size);

/* Ids [at, at + count) to out.  GT_EINDEX outside of the sequence, GT_EFORMAT at an id that is not
 * below vocab_size: whoever embeds them may rely on it even when a file changed after it was
 * checked. */
gt_status gt_tokens_read(gt_ctx *cx, gt_tokens *t, int64_t at, int64_t count, int64_t *out);

/* ---- shards, of a sequence that is not a view ---- */
int gt_tokens_shards(const gt_tokens *t);
const gt_shard *gt_tokens_shard(const gt_tokens *t, int i);
/* Reads shard i as a whole, checks its ids, and tells the largest. */
gt_status gt_tokens_verify(gt_ctx *cx, gt_tokens *t, int i, int64_t *largest);

/* Writes all tokens to one shard, replaced in one step. */
gt_status gt_tokens_save(gt_ctx *cx, gt_tokens *t, const char *path, gt_shard_format format);

#endif
