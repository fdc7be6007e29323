/* clone.c: a deep copy of a module tree.  What is one module or one tensor in the tree, however
 * often it appears, is one in the copy: ties survive. */
#include "core/model/module.h"

#include <stdlib.h>

typedef struct tensor_pair {
  gt_tensor *from, *to; /* one reference each to `to` */
} tensor_pair;

typedef struct copying {
  gt_module **from, **to; /* (count) in tree order; one reference each to `to` */
  int count;
  tensor_pair *tensors;
  int64_t tensor_count, tensor_capacity;
} copying;

static gt_status copy_tensor(gt_ctx *cx, gt_tensor *t, gt_tensor **out) {
  gt_spec spec = gt_spec_of(t);
  const gt_backend *device = gt_device_of(t);
  GT_TRY(!device->data ? gt_tensor_new(cx, &spec, device, out)
                       : gt_copy_new(cx, t, t->dtype, device, out));
  (*out)->requires_grad = t->requires_grad && !t->node;
  return GT_OK;
}

/* The copy of t, made when it is met for the first time; borrowed. */
static gt_status tensor_of(gt_ctx *cx, copying *c, gt_tensor *t, gt_tensor **out) {
  for (int i = 0; i < c->tensor_count; i++) {
    if (c->tensors[i].from != t) continue;
    *out = c->tensors[i].to;
    return GT_OK;
  }
  GT_TRY(gt_grow(cx, &c->tensors, c->tensor_count, &c->tensor_capacity, sizeof *c->tensors));
  GT_TRY(copy_tensor(cx, t, out));
  c->tensors[c->tensor_count++] = (tensor_pair){t, *out};
  return GT_OK;
}

static gt_module *module_of(const copying *c, const gt_module *m) {
  for (int i = 0; i < c->count; i++) {
    if (c->from[i] == m) return c->to[i];
  }
  return NULL;
}

/* Everything but the slots. */
static gt_status copy_instance(gt_ctx *cx, const gt_module *m, gt_module **out) {
  gt_module *copy = NULL;
  GT_TRY(gt_module_new(cx, m->class, &copy));
  memcpy((char *)copy + sizeof *copy, (const char *)m + sizeof *m, m->class->size - sizeof *m);
  copy->forward = m->forward;
  copy->training = m->training;
  copy->multiplier = m->multiplier;
  copy->list = m->list;
  if (m->class_name && !(copy->class_name = gt_strdup(cx, m->class_name))) {
    gt_module_unref(cx, copy);
    return GT_ENOMEM;
  }
  *out = copy;
  return GT_OK;
}

static gt_status copy_slot(gt_ctx *cx, copying *c, const gt_slot *slot, gt_module *to) {
  gt_tensor *t = NULL;
  GT_TRY(gt_poll(cx));
  if (slot->kind == GT_SLOT_MODULE)
    return gt_module_set_module(cx, to, slot->name, module_of(c, slot->module));
  if (slot->tensor) GT_TRY(tensor_of(cx, c, slot->tensor, &t));
  if (slot->kind == GT_SLOT_BUFFER)
    return gt_module_set_buffer(cx, to, slot->name, t, slot->persistent);
  return gt_module_set_parameter(cx, to, slot->name, t);
}

/* Lists the tree in c->from. */
static gt_status list_tree(gt_ctx *cx, gt_module *m, copying *c) {
  int count = 0;
  gt_tree_link(m);
  for (gt_module *at = m; at; at = gt_tree_next(at)) count++;
  c->from = gt_calloc(cx, (size_t)count, 2 * sizeof *c->from);
  for (gt_module *at = m; at && c->from; at = gt_tree_next(at)) c->from[c->count++] = at;
  gt_tree_unlink(m);
  c->to = c->from + count;
  return c->from ? GT_OK : GT_ENOMEM;
}

gt_status gt_module_clone(gt_ctx *cx, gt_module *m, gt_module **out) {
  copying c = {0};
  gt_status status = list_tree(cx, m, &c);
  for (int i = 0; i < c.count && status == GT_OK; i++)
    status = copy_instance(cx, c.from[i], &c.to[i]);
  for (int i = 0; i < c.count && status == GT_OK; i++) {
    for (int k = 0; k < c.from[i]->slot_count && status == GT_OK; k++)
      status = copy_slot(cx, &c, &c.from[i]->slots[k], c.to[i]);
  }
  if (status == GT_OK) *out = gt_module_ref(c.to[0]);
  for (int i = 0; i < c.count; i++) gt_module_unref(cx, c.to[i]);
  for (int i = 0; i < c.tensor_count; i++) gt_tensor_unref(cx, c.tensors[i].to);
  gt_free(c.tensors);
  gt_free(c.from);
  return status;
}
