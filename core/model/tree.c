/* tree.c: what is done to all of a module tree at once: counting, training mode, gradients, moving
 * to another dtype or device.
 *
 * The list of tree.h runs through the field `next`; a module is in it exactly when next is set, and
 * the last one points at itself. */
#include "core/model/tree.h"

#include "core/model/seen.h"
#include "core/tensor/graph.h"

#include <stdlib.h>

void gt_tree_link(gt_module *root) {
  gt_module *last = root;
  root->next = root;
  for (gt_module *at = root; at; at = gt_tree_next(at)) {
    for (int i = 0; i < at->slot_count; i++) {
      gt_module *child = at->slots[i].module;
      if (!child || child->next) continue;
      last->next = child;
      child->next = child;
      last = child;
    }
  }
}

void gt_tree_unlink(gt_module *root) {
  for (gt_module *at = root, *next; at; at = next) {
    next = gt_tree_next(at);
    at->next = NULL;
  }
}

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
  const gt_device *device;
  gt_tensor **old, **new; /* (count) */
  int count, capacity;
} move;

static gt_status move_reserve(gt_ctx *cx, move *mv) {
  if (mv->count < mv->capacity) return GT_OK;
  int capacity = mv->capacity ? 2 * mv->capacity : 64;
  gt_tensor **old = gt_realloc(cx, mv->old, (size_t)capacity * sizeof *old);
  if (!old) return GT_ENOMEM;
  mv->old = old;
  gt_tensor **new = gt_realloc(cx, mv->new, (size_t)capacity * sizeof *new);
  if (!new) return GT_ENOMEM;
  mv->new = new;
  mv->capacity = capacity;
  return GT_OK;
}

static gt_status move_tensor(gt_ctx *cx, move *mv, gt_tensor *t) {
  bool converts = mv->dtype && gt_dtype_is_float(t->dtype);
  gt_spec spec = gt_spec_make(converts ? *mv->dtype : t->dtype, t->ndim, t->shape);
  const gt_device *device = mv->device ? mv->device : gt_device_of(t);
  if (spec.dtype == t->dtype && device == gt_device_of(t)) return GT_OK;
  GT_TRY(move_reserve(cx, mv));
  gt_tensor *moved = NULL;
  GT_TRY(gt_tensor_new(cx, &spec, device, &moved));
  gt_status status = gt_copy(cx, moved, t);
  if (status != GT_OK) {
    gt_tensor_unref(cx, moved);
    return status;
  }
  mv->old[mv->count] = gt_tensor_ref(t);
  mv->new[mv->count++] = moved;
  return GT_OK;
}

static gt_status move_entry(gt_ctx *cx, const gt_entry *entry, void *data) {
  GT_TRY(move_tensor(cx, data, entry->slot->tensor));
  return entry->slot->tensor->grad ? move_tensor(cx, data, entry->slot->tensor->grad) : GT_OK;
}

gt_status gt_module_to(gt_ctx *cx, gt_module *m, const gt_dtype *dtype, const gt_device *device) {
  if (dtype && !gt_dtype_is_float(*dtype))
    return gt_fail(cx, GT_EDTYPE, "to: expected a float dtype for a module, got %s",
                   gt_dtype_name(*dtype));
  move mv = {.dtype = dtype, .device = device};
  gt_status status = gt_each_parameter(cx, m, true, move_entry, &mv);
  if (status == GT_OK) status = gt_each_buffer(cx, m, move_entry, &mv);
  for (int i = 0; i < mv.count; i++) {
    if (status == GT_OK) gt_tensor_assign(cx, mv.old[i], mv.new[i]);
    gt_tensor_unref(cx, mv.old[i]);
    gt_tensor_unref(cx, mv.new[i]);
  }
  gt_free(mv.old);
  gt_free(mv.new);
  return status;
}
