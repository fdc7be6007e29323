/* shadow.c: a model on the meta device for a while.  All memory is taken before the first tensor is
 * changed, and giving back is nothing but pointer assignment. */
#include "core/model/shadow.h"

#include <stdlib.h>

gt_tensor *gt_shadow_of(gt_frame *f, const gt_tensor *t) {
  gt_spec spec = gt_spec_of(t);
  return gt_new(f, &spec, &gt_backend_meta);
}

static gt_status add(gt_ctx *cx, const gt_entry *entry, void *data) {
  gt_shadow *s = data;
  gt_tensor *t = entry->slot->tensor;
  if (!gt_device_of(t)->data) return GT_OK;
  GT_TRY(gt_grow(cx, &s->tensors, s->count, &s->capacity, sizeof *s->tensors));
  gt_frame f = {.cx = cx};
  gt_tensor *meta = gt_shadow_of(&f, t);
  gt_tensor *kept = gt_view(&f, t, t->ndim, t->shape, t->stride, t->offset);
  if (kept) {
    s->tensors[s->count].real = gt_tensor_ref(t);
    s->tensors[s->count].kept = gt_tensor_ref(kept);
    s->tensors[s->count++].meta = gt_tensor_ref(meta);
  }
  return gt_frame_end(&f);
}

static void release(gt_ctx *cx, gt_shadow *s) {
  for (int64_t i = 0; i < s->count; i++) {
    gt_tensor_unref(cx, s->tensors[i].real);
    gt_tensor_unref(cx, s->tensors[i].kept);
    gt_tensor_unref(cx, s->tensors[i].meta);
  }
  gt_free(s->tensors);
  *s = (gt_shadow){0};
}

gt_status gt_shadow_begin(gt_ctx *cx, gt_module *m, gt_shadow *s) {
  gt_status status = gt_each_parameter(cx, m, true, add, s);
  if (status == GT_OK) status = gt_each_buffer(cx, m, add, s);
  if (status != GT_OK) {
    release(cx, s);
    return status;
  }
  for (int64_t i = 0; i < s->count; i++)
    gt_tensor_assign(cx, s->tensors[i].real, s->tensors[i].meta);
  return GT_OK;
}

void gt_shadow_end(gt_ctx *cx, gt_shadow *s) {
  for (int64_t i = 0; i < s->count; i++)
    gt_tensor_assign(cx, s->tensors[i].real, s->tensors[i].kept);
  release(cx, s);
}
