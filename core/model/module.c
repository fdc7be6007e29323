/* module.c: the life of modules, their slots, and the single entry point of every forward.
 *
 * Slots keep the order of first assignment.  A name that moves to another kind of slot goes to the
 * end, so reading one kind in order gives what PyTorch's ordered dictionaries of parameters,
 * buffers and children give.  The tree has no cycles: set refuses them.  Release works through a
 * list, so a chain of modules of any length is freed in constant stack. */
#include "core/model/module.h"

#include <stdio.h>
#include <stdlib.h>

static void slot_drop(gt_ctx *cx, gt_slot *slot) {
  gt_tensor_unref(cx, slot->tensor);
  gt_module_unref(cx, slot->module);
  slot->tensor = NULL;
  slot->module = NULL;
}

static int slot_find(const gt_module *m, const char *name) {
  for (int i = 0; i < m->slot_count; i++) {
    if (!strcmp(m->slots[i].name, name)) return i;
  }
  return -1;
}

static void slot_remove(gt_ctx *cx, gt_module *m, int at) {
  gt_slot removed = m->slots[at];
  m->slot_count--;
  memmove(&m->slots[at], &m->slots[at + 1], (size_t)(m->slot_count - at) * sizeof *m->slots);
  gt_free(removed.name);
  slot_drop(cx, &removed);
}

static gt_status slot_append(gt_ctx *cx, gt_module *m, const char *name, gt_slot **out) {
  GT_TRY(gt_grow(cx, &m->slots, m->slot_count, &m->slot_capacity, sizeof *m->slots));
  char *copy = gt_strdup(cx, name);
  if (!copy) return GT_ENOMEM;
  *out = &m->slots[m->slot_count++];
  **out = (gt_slot){.name = copy};
  return GT_OK;
}

/* Puts value under name; takes its own references. */
static gt_status slot_put(gt_ctx *cx, gt_module *m, const char *name, gt_slot value) {
  if (!*name || strchr(name, '.'))
    return gt_fail(cx, GT_EARG, "%s: a name must not be empty or contain a dot, got '%s'",
                   gt_module_class_name(m), name);
  int old = slot_find(m, name);
  gt_slot *slot = old >= 0 ? &m->slots[old] : NULL;
  if (!slot || slot->kind != value.kind) {
    GT_TRY(slot_append(cx, m, name, &slot));
    slot->kind = value.kind;
  }
  gt_slot replaced = *slot;
  value.name = slot->name;
  gt_tensor_ref(value.tensor);
  gt_module_ref(value.module);
  *slot = value;
  slot_drop(cx, &replaced);
  if (old >= 0 && m->slots[old].kind != value.kind) slot_remove(cx, m, old);
  return GT_OK;
}

gt_status gt_module_new(gt_ctx *cx, const gt_module_class *class, gt_module **out) {
  GT_TRY(gt_poll(cx)); /* a model can have many thousands */
  gt_module *m = gt_calloc(cx, 1, class->size);
  if (!m) return GT_ENOMEM;
  m->refs = 1;
  m->class = class;
  m->forward = class->forward;
  m->extra_repr = class->extra_repr;
  m->training = true;
  m->multiplier = 1;
  *out = m;
  return GT_OK;
}

gt_status gt_module_built(gt_ctx *cx, gt_module *m, gt_status status, gt_module **out) {
  if (status == GT_OK)
    *out = m;
  else
    gt_module_unref(cx, m);
  return status;
}

gt_module *gt_module_ref(gt_module *m) {
  if (m) m->refs++;
  return m;
}

void gt_module_unref(gt_ctx *cx, gt_module *m) {
  if (!m || --m->refs > 0) return;
  m->next = NULL;
  for (gt_module *dead = m; dead;) {
    m = dead;
    dead = m->next;
    for (int i = 0; i < m->slot_count; i++) {
      gt_module *child = m->slots[i].module;
      if (child && --child->refs == 0) {
        child->next = dead;
        dead = child;
      }
      gt_tensor_unref(cx, m->slots[i].tensor);
      gt_free(m->slots[i].name);
    }
    gt_free(m->slots);
    gt_free(m->class_name);
    gt_free(m);
  }
}

const char *gt_module_class_name(const gt_module *m) {
  return m->class_name ? m->class_name : m->class->name;
}

gt_status gt_module_set_parameter(gt_ctx *cx, gt_module *m, const char *name, gt_tensor *t) {
  if (t && t->node)
    return gt_fail(cx, GT_EGRAPH, "%s: parameter %s must be a leaf, got the result of an op",
                   gt_module_class_name(m), name);
  gt_slot value = {.kind = GT_SLOT_PARAMETER, .persistent = true, .tensor = t};
  GT_TRY(slot_put(cx, m, name, value));
  if (t) t->parameter = t->boxed = true;
  return GT_OK;
}

gt_status gt_module_set_buffer(gt_ctx *cx, gt_module *m, const char *name, gt_tensor *t,
                               bool persistent) {
  gt_slot value = {.kind = GT_SLOT_BUFFER, .persistent = persistent, .tensor = t};
  GT_TRY(slot_put(cx, m, name, value));
  if (t) t->boxed = true;
  return GT_OK;
}

/* ---- the tree as a list: through `next`, which is set in exactly the modules that are in it; the
 * last one points at itself ---- */

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

/* ---- slots ---- */

/* True when m is child itself or somewhere below it. */
static bool contains(gt_module *child, const gt_module *m) {
  gt_tree_link(child);
  bool found = m->next != NULL;
  gt_tree_unlink(child);
  return found;
}

gt_status gt_module_set_module(gt_ctx *cx, gt_module *m, const char *name, gt_module *child) {
  if (contains(child, m))
    return gt_fail(cx, GT_EARG, "%s: '%s' would contain itself", gt_module_class_name(m), name);
  gt_slot value = {.kind = GT_SLOT_MODULE, .module = child};
  return slot_put(cx, m, name, value);
}

gt_status gt_module_adopt(gt_ctx *cx, gt_module *m, const char *name, gt_module *child) {
  gt_status status = gt_module_set_module(cx, m, name, child);
  gt_module_unref(cx, child);
  return status;
}

gt_status gt_module_append(gt_ctx *cx, gt_module *list, gt_module *child) {
  char name[16];
  snprintf(name, sizeof name, "%d", gt_module_length(list));
  return gt_module_set_module(cx, list, name, child);
}

bool gt_module_remove(gt_ctx *cx, gt_module *m, const char *name) {
  int at = slot_find(m, name);
  if (at < 0) return false;
  slot_remove(cx, m, at);
  return true;
}

const gt_slot *gt_module_slot(const gt_module *m, const char *name) {
  int at = slot_find(m, name);
  return at < 0 ? NULL : &m->slots[at];
}

gt_module *gt_module_child(const gt_module *m, const char *name) {
  const gt_slot *slot = gt_module_slot(m, name);
  return slot ? slot->module : NULL;
}

int gt_module_length(const gt_module *m) {
  int n = 0;
  for (int i = 0; i < m->slot_count; i++) n += m->slots[i].kind == GT_SLOT_MODULE;
  return n;
}

/* ---- forward ---- */

gt_tensor *gt_module_scaled(gt_frame *f, const gt_module *m, gt_tensor *y) {
  return m->multiplier == 1 ? gt_pass(f, y) : gt_op_number(f, "mul", y, m->multiplier);
}

gt_status gt_module_call(gt_ctx *cx, gt_module *m, const gt_arguments *args, gt_tensor **out) {
  if (!m->forward)
    return gt_fail(cx, GT_EARG, "%s: has no forward and cannot be called", gt_module_class_name(m));
  gt_observer *observer = cx->observer;
  gt_frame f = {.cx = cx};
  gt_tensor *y = NULL;
  if (observer) GT_TRY(observer->enter(cx, observer, m));
  gt_module_ref(m); /* its forward may replace it in the tree */
  f.status = m->forward(cx, m, args, &y);
  gt_keep(&f, y);
  if (m->forward == m->class->forward && !m->class->scripted)
    y = gt_module_scaled(&f, m, gt_last(&f, y));
  if (observer) {
    gt_status left = observer->leave(cx, observer, m, f.status == GT_OK ? y : NULL);
    if (f.status == GT_OK) f.status = left;
  }
  gt_module_unref(cx, m);
  return gt_frame_return(&f, y, out);
}
