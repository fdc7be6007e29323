/* shadow.c: a model on the meta device for a while.  All memory is taken before the first tensor is
 * changed, and giving back is nothing but pointer assignment. */
#include "core/model/shadow.h"

#include <stdlib.h>

gt_status gt_shadow_of(gt_ctx *cx, const gt_tensor *t, gt_tensor **out) {
  gt_spec spec = gt_spec_of(t);
  return gt_tensor_new(cx, &spec, &gt_device_meta, out);
}

static gt_status reserve(gt_ctx *cx, gt_shadow *s) {
  if (s->count < s->capacity) return GT_OK;
  int capacity = s->capacity ? 2 * s->capacity : 64;
  gt_tensor ***lists[] = {&s->real, &s->kept, &s->meta};
  for (int i = 0; i < 3; i++) {
    gt_tensor **grown = gt_realloc(cx, *lists[i], (size_t)capacity * sizeof *grown);
    if (!grown) return GT_ENOMEM;
    *lists[i] = grown;
  }
  s->capacity = capacity;
  return GT_OK;
}

static gt_status add(gt_ctx *cx, const gt_entry *entry, void *data) {
  gt_shadow *s = data;
  gt_tensor *t = entry->slot->tensor;
  gt_tensor *kept = NULL;
  gt_tensor *meta = NULL;
  if (gt_device_of(t)->kind == GT_META) return GT_OK;
  GT_TRY(reserve(cx, s));
  GT_TRY(gt_shadow_of(cx, t, &meta));
  gt_status status = gt_tensor_view(cx, t, t->ndim, t->shape, t->stride, t->offset, &kept);
  if (status != GT_OK) {
    gt_tensor_unref(cx, meta);
    return status;
  }
  s->real[s->count] = gt_tensor_ref(t);
  s->kept[s->count] = kept;
  s->meta[s->count++] = meta;
  return GT_OK;
}

static void release(gt_ctx *cx, gt_shadow *s) {
  for (int i = 0; i < s->count; i++) {
    gt_tensor_unref(cx, s->real[i]);
    gt_tensor_unref(cx, s->kept[i]);
    gt_tensor_unref(cx, s->meta[i]);
  }
  gt_free(s->real);
  gt_free(s->kept);
  gt_free(s->meta);
  *s = (gt_shadow){0};
}

gt_status gt_shadow_begin(gt_ctx *cx, gt_module *m, gt_shadow *s) {
  gt_status status = gt_each_parameter(cx, m, true, add, s);
  if (status == GT_OK) status = gt_each_buffer(cx, m, add, s);
  if (status != GT_OK) {
    release(cx, s);
    return status;
  }
  for (int i = 0; i < s->count; i++) gt_tensor_assign(cx, s->real[i], s->meta[i]);
  return GT_OK;
}

void gt_shadow_end(gt_ctx *cx, gt_shadow *s) {
  for (int i = 0; i < s->count; i++) gt_tensor_assign(cx, s->real[i], s->kept[i]);
  release(cx, s);
}
