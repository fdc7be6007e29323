/* cache.c: see cache.h. */
#include "core/model/cache.h"

gt_status gt_cache_new(gt_ctx *cx, int64_t layers, int64_t batch, int64_t capacity,
                       gt_cache **out) {
  if (batch < 1 || capacity < 1 || batch > INT32_MAX || capacity > INT32_MAX)
    return gt_fail(cx, GT_EARG, "cache: expected B and T in 1 ... 2147483647, got %lld and %lld",
                   (long long)batch, (long long)capacity);
  gt_cache *cache = gt_calloc(cx, 1, sizeof *cache);
  if (!cache) return GT_ENOMEM;
  *cache = (gt_cache){.refs = 1, .batch = batch, .capacity = capacity, .layers = (int)layers};
  cache->layer = gt_calloc(cx, (size_t)layers, sizeof *cache->layer);
  if (!cache->layer) {
    gt_free(cache);
    return GT_ENOMEM;
  }
  *out = cache;
  return GT_OK;
}

gt_cache *gt_cache_ref(gt_cache *cache) {
  if (cache) cache->refs++;
  return cache;
}

void gt_cache_unref(gt_ctx *cx, gt_cache *cache) {
  if (!cache || --cache->refs > 0) return;
  for (int i = 0; i < cache->layers; i++) {
    gt_tensor_unref(cx, cache->layer[i].k);
    gt_tensor_unref(cx, cache->layer[i].v);
  }
  gt_free(cache->layer);
  gt_free(cache);
}

gt_status gt_cache_check(gt_ctx *cx, const gt_cache *cache, int64_t layers, int64_t batch,
                         int64_t tokens) {
  if (cx->grad_enabled)
    return gt_fail(cx, GT_EGRAPH, "cache: gradients do not pass through it; use torch.no_grad");
  if (layers != cache->layers || batch != cache->batch)
    return gt_fail(cx, GT_ESHAPE,
                   "cache: expected a model of %d layers and idx (%lld, T), got %lld layers and "
                   "(%lld, %lld)",
                   cache->layers, (long long)cache->batch, (long long)layers, (long long)batch,
                   (long long)tokens);
  if (tokens > cache->capacity - cache->position)
    return gt_fail(cx, GT_ESHAPE,
                   "cache: full: it has room for %lld tokens and holds %lld, got %lld more",
                   (long long)cache->capacity, (long long)cache->position, (long long)tokens);
  return GT_OK;
}

/* Rows from ... from + count - 1 of t (B, T, H, D). */
static gt_tensor *rows(gt_frame *f, gt_tensor *t, int64_t from, int64_t count) {
  int64_t shape[4] = {t->shape[0], count, t->shape[2], t->shape[3]};
  return gt_view(f, t, 4, shape, t->stride, t->offset + from * t->stride[1]);
}

/* Copies x into its rows of *store, made like x when missing; all rows so far. */
static gt_tensor *append(gt_frame *f, gt_cache *cache, gt_tensor **store, gt_tensor *x) {
  if (f->status != GT_OK) return NULL;
  gt_spec spec = gt_spec_of(x);
  int64_t count = spec.shape[1];
  spec.shape[1] = cache->capacity;
  if (!*store) f->status = gt_tensor_new(f->cx, &spec, gt_device_of(x), store);
  if (f->status != GT_OK) return NULL;
  gt_spec have = gt_spec_of(*store);
  if (!gt_same_shape(&have, &spec))
    f->status = gt_fail(f->cx, GT_ESHAPE, "cache: it was made by another model");
  gt_tensor *to = rows(f, *store, cache->position, count);
  if (to) f->status = gt_copy(f->cx, to, x);
  gt_release(f, x);
  return rows(f, *store, 0, cache->position + count);
}

void gt_cache_extend(gt_frame *f, gt_cache *cache, gt_tensor **k, gt_tensor **v) {
  if (f->status != GT_OK) return;
  gt_cache_layer *layer = &cache->layer[cache->at];
  int64_t tokens = (*k)->shape[1];
  *k = append(f, cache, &layer->k, *k);
  *v = append(f, cache, &layer->v, *v);
  if (f->status == GT_OK) layer->filled = cache->position + tokens;
}

gt_status gt_cache_advance(gt_ctx *cx, gt_cache *cache, int64_t tokens) {
  for (int i = 0; i < cache->layers; i++) {
    if (cache->layer[i].filled != cache->position + tokens)
      return gt_fail(cx, GT_EARG,
                     "cache: layer %d did not use it; only the native attention does, call the "
                     "model without a cache",
                     i);
  }
  cache->position += tokens;
  return GT_OK;
}

gt_status gt_cache_truncate(gt_ctx *cx, gt_cache *cache, int64_t tokens) {
  if (tokens < 0 || tokens > cache->position)
    return gt_fail(cx, GT_EARG, "cache: expected a length in 0 ... %lld, got %lld",
                   (long long)cache->position, (long long)tokens);
  cache->position = tokens;
  for (int i = 0; i < cache->layers; i++) cache->layer[i].filled = tokens;
  return GT_OK;
}

size_t gt_cache_bytes(const gt_cache *cache) {
  size_t bytes = 0;
  for (int i = 0; i < cache->layers; i++) {
    const gt_cache_layer *layer = &cache->layer[i];
    if (layer->k) bytes += 2 * (size_t)gt_count(layer->k) * gt_dtype_size(layer->k->dtype);
  }
  return bytes;
}
