/* cache.h: keys and values of the tokens a GPT has already seen, so that a forward computes the new
 * ones only.  Keys are stored as attention uses them: after RoPE and QK-norm.
 *
 * A forward on T tokens writes rows position ... position + T - 1 of every layer and moves the
 * position at its end; one that fails or is interrupted leaves the position, and its rows are
 * written again by the next. */
#ifndef GT_CACHE_H
#define GT_CACHE_H

#include "core/tensor/frame.h"

typedef struct gt_cache_layer {
  gt_tensor *k, *v; /* (B, capacity, Hkv, D); NULL until the first forward */
  int64_t filled;   /* rows written */
} gt_cache_layer;

typedef struct gt_cache {
  int refs;
  int64_t batch, capacity;
  int64_t position; /* tokens seen */
  int layers, at;   /* number of layers; the one whose block runs */
  gt_cache_layer *layer;
} gt_cache;

gt_status gt_cache_new(gt_ctx *cx, int64_t layers, int64_t batch, int64_t capacity, gt_cache **out);
gt_cache *gt_cache_ref(gt_cache *cache);
void gt_cache_unref(gt_ctx *cx, gt_cache *cache);

/* Refuses a forward on idx (B, T) that the cache has no room for, or that records gradients. */
gt_status gt_cache_check(gt_ctx *cx, const gt_cache *cache, int64_t layers, int64_t batch,
                         int64_t tokens);

/* Appends k, v (B, T, Hkv, D) to layer cache->at; *k and *v become views (B, position + T, Hkv, D)
 * of all that it holds. */
void gt_cache_extend(gt_frame *f, gt_cache *cache, gt_tensor **k, gt_tensor **v);

/* The end of a forward on `tokens` tokens: fails when a layer did not get its rows. */
gt_status gt_cache_advance(gt_ctx *cx, gt_cache *cache, int64_t tokens);

/* Forgets all but the first `tokens` tokens. */
gt_status gt_cache_truncate(gt_ctx *cx, gt_cache *cache, int64_t tokens);

size_t gt_cache_bytes(const gt_cache *cache);

#endif
