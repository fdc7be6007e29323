/* diary.c: keeps a diary of module calls: from which graph node on which module ran.  Nodes are
 * numbered in the order of their calls, so the diary also tells it to the backward. */
#include "core/model/diary.h"

#include "core/model/module.h"

#include <stddef.h>

enum { LONGEST = 1 << 16 }; /* entries after which the diary starts again */

typedef struct entry {
  uint64_t sequence; /* of the next node when the module began or continued */
  size_t path;       /* place of its name in `names` */
} entry;

typedef struct watch {
  gt_anomaly anomaly;   /* must be first */
  gt_observer observer; /* the second of the two faces */
  gt_observer *before;
  int opened;
  entry *diary;
  int64_t count, capacity;
  gt_text names;                   /* each with its NUL; "" for outside of all modules */
  gt_module *open[GT_MAX_NESTING]; /* the modules that run, the innermost last */
  size_t path[GT_MAX_NESTING];
  int depth;
} watch;

static watch *watch_of(gt_observer *o) { return (watch *)((char *)o - offsetof(watch, observer)); }

static gt_status note(gt_ctx *cx, watch *w, size_t path) {
  GT_TRY(gt_grow(cx, &w->diary, w->count, &w->capacity, sizeof *w->diary));
  w->diary[w->count++] = (entry){cx->sequence, path};
  return GT_OK;
}

typedef struct search {
  const gt_module *wanted;
  gt_text *names;
  bool found;
} search;

/* The name of the wanted module below the one that is walked, and before it a point. */
static gt_status compare(gt_ctx *cx, const gt_entry *at, void *data) {
  search *s = data;
  if (at->owner != s->wanted || s->found || !*at->name) return GT_OK;
  s->found = true;
  if (s->names->data[s->names->length - 1] != 0) gt_text_append(cx, s->names, ".", 1);
  gt_text_append(cx, s->names, at->name, strlen(at->name));
  return GT_OK;
}

/* Adds the path of m: that of the module it runs in, and its name there. */
static gt_status add_path(gt_ctx *cx, watch *w, gt_module *m, size_t *path) {
  search s = {.wanted = m, .names = &w->names};
  *path = w->names.length;
  if (w->depth > 0) {
    size_t outer = w->path[w->depth - 1];
    char *copy = gt_strdup(cx, w->names.data + outer); /* the text may move while it grows */
    if (!copy) return GT_ENOMEM;
    gt_text_append(cx, &w->names, copy, strlen(copy));
    gt_free(copy);
    GT_TRY(gt_each_module(cx, w->open[w->depth - 1], compare, &s));
  }
  if (!s.found) {
    const char *class = gt_module_class_name(m);
    gt_text_add(cx, &w->names, "%s%s", w->names.length > *path ? " > " : "", class);
  }
  gt_text_append(cx, &w->names, "", 1);
  return w->names.failed ? GT_ENOMEM : GT_OK;
}

static gt_status enter(gt_ctx *cx, gt_observer *o, gt_module *m) {
  watch *w = watch_of(o);
  size_t path = 0;
  if (w->depth == GT_MAX_NESTING)
    return gt_fail(cx, GT_EARG, "detect_anomaly: expected at most %d modules within each other",
                   GT_MAX_NESTING);
  if (w->depth == 0 && w->count > LONGEST) {
    w->count = 0;
    w->names.length = 1;
  }
  GT_TRY(add_path(cx, w, m, &path));
  GT_TRY(note(cx, w, path));
  w->open[w->depth] = m;
  w->path[w->depth++] = path;
  return GT_OK;
}

static gt_status leave(gt_ctx *cx, gt_observer *o, gt_module *m, gt_tensor *out) {
  watch *w = watch_of(o);
  (void)m;
  (void)out;
  w->depth--;
  return note(cx, w, w->depth > 0 ? w->path[w->depth - 1] : 0);
}

static void place(gt_ctx *cx, const gt_anomaly *a, uint64_t sequence, gt_text *out) {
  const watch *w = (const watch *)a;
  int at = w->count - 1;
  while (at >= 0 && w->diary[at].sequence > sequence) at--;
  const char *path = at >= 0 ? w->names.data + w->diary[at].path : "";
  if (*path) gt_text_add(cx, out, "; in %s", path);
}

gt_status gt_anomaly_open(gt_ctx *cx) {
  watch *w = (watch *)cx->anomaly;
  if (!w) {
    w = gt_calloc(cx, 1, sizeof *w);
    if (!w) return GT_ENOMEM;
    gt_text_append(cx, &w->names, "", 1);
    if (w->names.failed) {
      gt_free(w);
      return GT_ENOMEM;
    }
    w->anomaly.place = place;
    w->observer = (gt_observer){enter, leave};
    w->before = cx->observer;
    cx->anomaly = &w->anomaly;
    cx->observer = &w->observer;
  }
  w->anomaly.found[0] = '\0';
  w->opened++;
  return GT_OK;
}

void gt_anomaly_close(gt_ctx *cx) {
  watch *w = (watch *)cx->anomaly;
  if (!w || --w->opened > 0) return;
  cx->anomaly = NULL;
  if (cx->observer == &w->observer) cx->observer = w->before;
  gt_text_free(&w->names);
  gt_free(w->diary);
  gt_free(w);
}
