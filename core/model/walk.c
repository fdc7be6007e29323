/* walk.c: visiting the parameters, buffers and modules of a tree in PyTorch's order.
 *
 * Names are dotted paths.  A parameter or module met again under another name is tied; walks that
 * count things once ask for `unique`. */
#include "core/model/module.h"
#include "core/model/seen.h"

#include <stdlib.h>

/* One walk in progress. */
typedef struct walk {
  gt_ctx *cx;
  gt_text path;
  int depth;
  bool unique; /* each tensor and each module once */
  gt_seen tensors, modules;
  gt_slot_kind kinds[2]; /* slots to visit, in this order */
  int kind_count;
  bool state; /* leave out buffers that are not persistent */
  gt_visit visit;
  void *data;
} walk;

/* Extends the path by a name; returns the length to cut it back to. */
static size_t path_push(walk *w, const char *name) {
  size_t length = w->path.length;
  gt_text_add(w->cx, &w->path, "%s%s", length ? "." : "", name);
  return length;
}

static void path_pop(walk *w, size_t length) {
  w->path.length = length;
  if (w->path.data) w->path.data[length] = '\0';
}

static gt_status visit_slot(walk *w, gt_module *m, const gt_slot *slot) {
  bool fresh = true;
  if (!slot->tensor || (w->state && slot->kind == GT_SLOT_BUFFER && !slot->persistent))
    return GT_OK;
  if (w->unique) GT_TRY(gt_seen_add(w->cx, &w->tensors, slot->tensor, &fresh));
  if (!fresh) return GT_OK;
  size_t length = path_push(w, slot->name);
  if (w->path.failed) return GT_ENOMEM;
  gt_slot copy = *slot;
  gt_entry entry = {.name = w->path.data, .owner = m, .slot = &copy};
  gt_frame f = {.cx = w->cx};
  gt_keep(&f, gt_tensor_ref(copy.tensor)); /* the visit may replace it */
  f.status = w->visit(w->cx, &entry, w->data);
  path_pop(w, length);
  return gt_frame_end(&f);
}

/* `fresh` says whether the walk goes into m at all. */
static gt_status enter(walk *w, gt_module *m, bool *fresh) {
  *fresh = true;
  if (w->unique) GT_TRY(gt_seen_add(w->cx, &w->modules, m, fresh));
  if (!*fresh || ++w->depth <= GT_MAX_NESTING) return GT_OK;
  return gt_fail(w->cx, GT_EARG, "%s: modules nested deeper than %d", gt_module_class_name(m),
                 GT_MAX_NESTING);
}

static gt_status walk_slots(walk *w, gt_module *m) {
  bool fresh;
  GT_TRY(enter(w, m, &fresh));
  if (!fresh) return GT_OK;
  for (int kind = 0; kind < w->kind_count; kind++) {
    for (int i = 0; i < m->slot_count; i++) {
      if (m->slots[i].kind == w->kinds[kind]) GT_TRY(visit_slot(w, m, &m->slots[i]));
    }
  }
  for (int i = 0; i < m->slot_count; i++) {
    if (m->slots[i].kind != GT_SLOT_MODULE) continue;
    size_t length = path_push(w, m->slots[i].name);
    if (w->path.failed) return GT_ENOMEM;
    GT_TRY(walk_slots(w, m->slots[i].module));
    path_pop(w, length);
  }
  w->depth--;
  return GT_OK;
}

static gt_status walk_run(walk *w, gt_module *m) {
  gt_status status = walk_slots(w, m);
  gt_text_free(&w->path);
  gt_seen_free(&w->tensors);
  gt_seen_free(&w->modules);
  return status;
}

gt_status gt_each_parameter(gt_ctx *cx, gt_module *m, bool unique, gt_visit visit, void *data) {
  walk w = {.cx = cx, .unique = unique, .visit = visit, .data = data};
  w.kinds[w.kind_count++] = GT_SLOT_PARAMETER;
  return walk_run(&w, m);
}

gt_status gt_each_buffer(gt_ctx *cx, gt_module *m, gt_visit visit, void *data) {
  walk w = {.cx = cx, .unique = true, .visit = visit, .data = data};
  w.kinds[w.kind_count++] = GT_SLOT_BUFFER;
  return walk_run(&w, m);
}

gt_status gt_each_state(gt_ctx *cx, gt_module *m, gt_visit visit, void *data) {
  walk w = {.cx = cx, .state = true, .visit = visit, .data = data};
  w.kinds[w.kind_count++] = GT_SLOT_PARAMETER;
  w.kinds[w.kind_count++] = GT_SLOT_BUFFER;
  return walk_run(&w, m);
}

/* ---- module walks: list first, then visit ---- */

typedef struct named_module {
  char *name;
  gt_module *module;
} named_module;

typedef struct module_list {
  named_module *items;
  int64_t count, capacity;
  bool post_order;
} module_list;

static gt_status list_add(walk *w, module_list *list, gt_module *m) {
  GT_TRY(gt_grow(w->cx, &list->items, list->count, &list->capacity, sizeof *list->items));
  char *name = gt_strdup(w->cx, w->path.data ? w->path.data : "");
  if (!name) return GT_ENOMEM;
  list->items[list->count++] = (named_module){.name = name, .module = gt_module_ref(m)};
  return GT_OK;
}

/* True when slot i holds a module that an earlier slot of m holds as well. */
static bool repeated(const gt_module *m, int i) {
  for (int k = 0; k < i; k++) {
    if (m->slots[k].module == m->slots[i].module) return true;
  }
  return false;
}

static gt_status list_modules(walk *w, module_list *list, gt_module *m) {
  bool fresh;
  GT_TRY(enter(w, m, &fresh));
  if (!fresh) return GT_OK;
  if (!list->post_order) GT_TRY(list_add(w, list, m));
  for (int i = 0; i < m->slot_count; i++) {
    if (!m->slots[i].module || repeated(m, i)) continue;
    size_t length = path_push(w, m->slots[i].name);
    if (w->path.failed) return GT_ENOMEM;
    GT_TRY(list_modules(w, list, m->slots[i].module));
    path_pop(w, length);
  }
  if (list->post_order) GT_TRY(list_add(w, list, m));
  w->depth--;
  return GT_OK;
}

static gt_status each_module(gt_ctx *cx, gt_module *m, bool post_order, gt_visit visit,
                             void *data) {
  walk w = {.cx = cx, .unique = !post_order};
  module_list list = {.post_order = post_order};
  gt_status status = list_modules(&w, &list, m);
  for (int64_t i = 0; i < list.count && status == GT_OK; i++) {
    named_module *item = &list.items[i];
    const char *dot = strrchr(item->name, '.');
    gt_slot slot = {
        .kind = GT_SLOT_MODULE, .name = dot ? (char *)dot + 1 : item->name, .module = item->module};
    gt_entry entry = {.name = item->name, .owner = item->module};
    if (*item->name) entry.slot = &slot;
    status = visit(cx, &entry, data);
  }
  for (int64_t i = 0; i < list.count; i++) {
    gt_free(list.items[i].name);
    gt_module_unref(cx, list.items[i].module);
  }
  gt_free(list.items);
  gt_text_free(&w.path);
  gt_seen_free(&w.modules);
  return status;
}

gt_status gt_each_module(gt_ctx *cx, gt_module *m, gt_visit visit, void *data) {
  return each_module(cx, m, false, visit, data);
}

gt_status gt_apply_modules(gt_ctx *cx, gt_module *m, gt_visit visit, void *data) {
  return each_module(cx, m, true, visit, data);
}
