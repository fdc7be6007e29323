/* summary.c: runs one forward on the meta device and notes every module call as a row, in
 * torchinfo's order: by execution, with containers that are never called put above their first
 * child that is. */
#include "core/model/nn.h"
#include "core/model/shadow.h"
#include "core/model/table.h"

#include <stdlib.h>

typedef struct watch {
  gt_observer observer; /* must be first */
  gt_summary_rows *rows;
  int *open; /* (open_count) rows of the calls in progress, -1: a module outside the tree */
  int64_t open_count, open_capacity;
  int above[GT_MAX_NESTING + 2]; /* by depth: the places whose rows are above the next, -1: none */
  bool compat;
} watch;

static gt_status list_places(gt_ctx *cx, gt_summary_rows *rows, gt_module *m, int parent,
                             int depth) {
  if (depth > GT_MAX_NESTING)
    return gt_fail(cx, GT_EARG, "summary: modules nested deeper than %d", GT_MAX_NESTING);
  GT_TRY(
      gt_grow(cx, &rows->places, rows->place_count, &rows->place_capacity, sizeof *rows->places));
  int place = rows->place_count++;
  rows->places[place] = (gt_place){gt_module_ref(m), parent, depth};
  for (int i = 0; i < m->slot_count; i++) {
    if (m->slots[i].module) GT_TRY(list_places(cx, rows, m->slots[i].module, place, depth + 1));
  }
  return GT_OK;
}

/* How many of the calls in progress are of modules above the place, counted up to the last that is.
 */
static int64_t calls_above(const watch *w, int place) {
  for (int64_t i = w->open_count; i > 0; i--) {
    int row = w->open[i - 1];
    int at = place;
    while (row >= 0 && at >= 0 && at != w->rows->items[row].place) at = w->rows->places[at].parent;
    if (row >= 0 && at >= 0) return i;
  }
  return 0;
}

static bool is_above(const watch *w, int place) {
  return place >= 0 && w->above[w->rows->places[place].depth] == place;
}

/* The place of the module m that is called, -1 when it is not in the tree.  One with several places
 * is below the innermost call that it can be below, and in a container that is shown already;
 * torchinfo takes the last place. */
static int find_place(const watch *w, const gt_module *m) {
  int found = -1;
  int64_t best = -1;
  for (int place = 0; place < w->rows->place_count; place++) {
    if (w->rows->places[place].module != m) continue;
    int64_t fit = w->compat ? 0 : 2 * calls_above(w, place);
    if (!w->compat && is_above(w, w->rows->places[place].parent)) fit++;
    if (fit >= best) best = fit, found = place;
  }
  return found;
}

static gt_status count_parameter(gt_ctx *cx, const gt_entry *entry, void *data) {
  (void)cx;
  gt_summary_row *row = data;
  const gt_tensor *t = entry->slot->tensor;
  int64_t n = gt_count(t);
  row->params += n;
  row->bytes += n * (int64_t)gt_dtype_size(t->dtype);
  if (t->requires_grad) row->trainable += n;
  return GT_OK;
}

static gt_status add_row(gt_ctx *cx, watch *w, int place) {
  gt_summary_rows *rows = w->rows;
  gt_summary_row row = {.place = place};
  gt_module *m = rows->places[place].module;
  GT_TRY(gt_grow(cx, &rows->items, rows->count, &rows->capacity, sizeof row));
  for (int i = 0; i < rows->count && !row.repeated; i++)
    row.repeated = rows->places[rows->items[i].place].module == m;
  GT_TRY(gt_each_parameter(cx, m, true, count_parameter, &row));
  rows->items[rows->count++] = row;
  int depth = rows->places[place].depth;
  w->above[depth] = place;
  for (int d = depth + 1; w->above[d] >= 0; d++) w->above[d] = -1;
  return GT_OK;
}

/* Rows for the containers above a place that the rows so far do not show. */
static gt_status add_containers(gt_ctx *cx, watch *w, int place) {
  const gt_place *at = &w->rows->places[place];
  if (at->depth < 2) return GT_OK;
  GT_TRY(add_containers(cx, w, at->parent));
  const gt_place *parent = &w->rows->places[at->parent];
  int above = w->above[parent->depth];
  bool shown = above >= 0 && w->rows->places[above].module == parent->module;
  return shown ? GT_OK : add_row(cx, w, at->parent);
}

static gt_status enter(gt_ctx *cx, gt_observer *o, gt_module *m) {
  watch *w = (watch *)o;
  GT_TRY(gt_grow(cx, &w->open, w->open_count, &w->open_capacity, sizeof *w->open));
  int place = find_place(w, m);
  int row = -1;
  if (place >= 0) {
    GT_TRY(add_containers(cx, w, place));
    GT_TRY(add_row(cx, w, place));
    row = w->rows->count - 1;
  }
  w->open[w->open_count++] = row;
  return GT_OK;
}

static gt_status leave(gt_ctx *cx, gt_observer *o, gt_module *m, gt_tensor *out) {
  (void)cx;
  (void)m;
  watch *w = (watch *)o;
  int row = w->open[--w->open_count];
  if (row < 0 || !out) return GT_OK;
  w->rows->items[row].called = true;
  w->rows->items[row].output = gt_spec_of(out);
  return GT_OK;
}

/* ---- the forward ---- */

/* How many of "x, cos_sin, targets?" must be given. */
static int required_count(const char *parameters) {
  int n = 0;
  for (const char *at = parameters; at && *at; at++) {
    if (at[1] == ',' || at[1] == '\0') n += *at != '?';
  }
  return n;
}

/* Rewrites the message of a failed forward; Lua errors and interrupts stay what they are. */
static gt_status explain(gt_ctx *cx, const gt_module *m, const gt_arguments *args,
                         gt_status status) {
  if (status == GT_EHOOK || status == GT_EINTR) return status;
  const char *name = gt_module_class_name(m);
  const char *parameters = m->class->parameters;
  if (args->count >= required_count(parameters))
    return gt_fail(cx, status, "summary: forward of %s failed: %s", name, cx->message);
  return gt_fail(cx, status,
                 "summary: forward of %s failed: %s\n  forward takes (%s); %d input%s supplied. "
                 "Pass the rest with input_data = {...}",
                 name, cx->message, parameters, args->count, args->count == 1 ? "" : "s");
}

static gt_status observed_call(gt_ctx *cx, gt_module *m, const gt_arguments *args, bool compat,
                               gt_summary_rows *rows) {
  watch w = {.observer = {enter, leave}, .rows = rows, .compat = compat};
  for (int d = 0; d < GT_COUNT(w.above); d++) w.above[d] = -1;
  gt_shadow shadow = {0};
  gt_frame f = {.cx = cx};
  gt_tensor *y = NULL;
  gt_observer *observer = cx->observer;
  bool grad_enabled = cx->grad_enabled;
  GT_TRY(gt_shadow_begin(cx, m, &shadow));
  cx->observer = &w.observer;
  cx->grad_enabled = false;
  f.status = gt_module_call(cx, m, args, &y);
  gt_keep(&f, y);
  cx->observer = observer;
  cx->grad_enabled = grad_enabled;
  gt_status status = gt_frame_end(&f);
  gt_shadow_end(cx, &shadow);
  gt_free(w.open);
  return status == GT_OK ? GT_OK : explain(cx, m, args, status);
}

/* The arguments with a meta tensor in place of every tensor. */
static gt_arguments shadow_arguments(gt_frame *f, const gt_arguments *args) {
  gt_arguments meta = *args;
  for (int i = 0; i < args->count; i++) {
    for (int k = 0; k < args->arg[i].count; k++)
      meta.arg[i].at[k] = gt_shadow_of(f, args->arg[i].at[k]);
  }
  return meta;
}

static void rows_free(gt_ctx *cx, gt_summary_rows *rows) {
  for (int i = 0; i < rows->place_count; i++) gt_module_unref(cx, rows->places[i].module);
  gt_free(rows->places);
  gt_free(rows->items);
}

gt_status gt_summary_make(gt_ctx *cx, gt_module *m, const gt_arguments *args,
                          const gt_summary_options *options, gt_summary *out) {
  gt_summary_rows rows = {0};
  gt_summary summary = {0};
  gt_frame f = {.cx = cx};
  gt_arguments meta = shadow_arguments(&f, args);
  if (f.status == GT_OK) f.status = list_places(cx, &rows, m, -1, 0);
  if (f.status == GT_OK) f.status = observed_call(cx, m, &meta, options->compat, &rows);
  if (f.status == GT_OK) f.status = gt_summary_write(cx, &rows, args, options, &summary);
  gt_status status = gt_frame_end(&f);
  rows_free(cx, &rows);
  if (status == GT_OK)
    *out = summary;
  else
    gt_summary_free(&summary);
  return status;
}

void gt_summary_free(gt_summary *summary) {
  gt_text_free(&summary->text);
  *summary = (gt_summary){0};
}
