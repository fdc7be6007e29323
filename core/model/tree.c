/* tree.c: what is done to all of a module tree at once: counting, training mode, gradients, moving
 * to another dtype or device. */
#include "core/model/module.h"

#include "core/model/seen.h"
#include "core/tensor/graph.h"

#include <stdlib.h>

void gt_module_train(gt_ctx *cx, gt_module *m, bool training) {
  (void)cx;
  gt_tree_link(m);
  for (gt_module *at = m; at; at = gt_tree_next(at)) at->training = training;
  gt_tree_unlink(m);
}

void gt_module_requires_grad(gt_ctx *cx, gt_module *m, bool value) {
  (void)cx;
  gt_tree_link(m);
  for (gt_module *at = m; at; at = gt_tree_next(at)) {
    for (int i = 0; i < at->slot_count; i++) {
      gt_slot *slot = &at->slots[i];
      if (slot->kind == GT_SLOT_PARAMETER && slot->tensor && gt_dtype_is_float(slot->tensor->dtype))
        slot->tensor->requires_grad = value;
    }
  }
  gt_tree_unlink(m);
}

void gt_module_zero_grad(gt_ctx *cx, gt_module *m) {
  gt_tree_link(m);
  for (gt_module *at = m; at; at = gt_tree_next(at)) {
    for (int i = 0; i < at->slot_count; i++) {
      gt_tensor *t = at->slots[i].kind == GT_SLOT_PARAMETER ? at->slots[i].tensor : NULL;
      if (t) gt_grad_clear(cx, t);
    }
  }
  gt_tree_unlink(m);
}

static gt_status add_count(gt_ctx *cx, const gt_entry *entry, void *data) {
  (void)cx;
  *(int64_t *)data += gt_count(entry->slot->tensor);
  return GT_OK;
}

int64_t gt_module_parameter_count(gt_ctx *cx, gt_module *m) {
  int64_t count = 0;
  return gt_each_parameter(cx, m, true, add_count, &count) == GT_OK ? count : -1;
}

/* ---- moving: every new tensor is made before the first old one is replaced ---- */

typedef struct move {
  const gt_dtype *dtype;
  const gt_backend *device;
  struct {
    gt_tensor *old, *new;
  } * pairs; /* (count) */
  int64_t count, capacity;
} move;

static gt_status move_tensor(gt_ctx *cx, move *mv, gt_tensor *t) {
  bool converts = mv->dtype && gt_dtype_is_float(t->dtype);
  gt_dtype dtype = converts ? *mv->dtype : t->dtype;
  const gt_backend *device = mv->device ? mv->device : gt_device_of(t);
  if (dtype == t->dtype && device == gt_device_of(t)) return GT_OK;
  GT_TRY(gt_grow(cx, &mv->pairs, mv->count, &mv->capacity, sizeof *mv->pairs));
  GT_TRY(gt_copy_new(cx, t, dtype, device, &mv->pairs[mv->count].new));
  mv->pairs[mv->count++].old = gt_tensor_ref(t);
  return GT_OK;
}

static gt_status move_entry(gt_ctx *cx, const gt_entry *entry, void *data) {
  GT_TRY(move_tensor(cx, data, entry->slot->tensor));
  return entry->slot->tensor->grad ? move_tensor(cx, data, entry->slot->tensor->grad) : GT_OK;
}

gt_status gt_module_to(gt_ctx *cx, gt_module *m, const gt_dtype *dtype, const gt_backend *device) {
  if (dtype && !gt_dtype_is_float(*dtype))
    return gt_fail(cx, GT_EDTYPE, "to: expected a float dtype for a module, got %s",
                   gt_dtype_name(*dtype));
  move mv = {.dtype = dtype, .device = device};
  gt_status status = gt_each_parameter(cx, m, true, move_entry, &mv);
  if (status == GT_OK) status = gt_each_buffer(cx, m, move_entry, &mv);
  for (int64_t i = 0; i < mv.count; i++) {
    if (status == GT_OK) gt_tensor_assign(cx, mv.pairs[i].old, mv.pairs[i].new);
    gt_tensor_unref(cx, mv.pairs[i].old);
    gt_tensor_unref(cx, mv.pairs[i].new);
  }
  gt_free(mv.pairs);
  return status;
}
