/* load.c: copying a state dict into a model.  Everything that can be wrong is looked for first and
 * told in one message; only then is the first byte copied. */
#include "core/model/module.h"
#include "core/model/seen.h"

#include <stdio.h>
#include <stdlib.h>

#define LISTED 8 /* names shown per complaint */

/* What compilers and wrappers put before names. */
static const char *const prefixes[] = {"_orig_mod.", "module."};

/* One parameter or persistent buffer of the model, and the given tensor that goes there. */
typedef struct target {
  char *name;
  gt_tensor *tensor;
  int source; /* index of the given tensor, -1: none */
} target;

typedef struct loading {
  target *targets; /* in state order */
  int count;
  int64_t capacity;
  const char *const *names;
  gt_tensor *const *tensors;
} loading;

static gt_status add_target(gt_ctx *cx, const gt_entry *entry, void *data) {
  loading *l = data;
  GT_TRY(gt_grow(cx, &l->targets, l->count, &l->capacity, sizeof *l->targets));
  char *name = gt_strdup(cx, entry->name);
  if (!name) return GT_ENOMEM;
  l->targets[l->count++] =
      (target){.name = name, .tensor = gt_tensor_ref(entry->slot->tensor), .source = -1};
  return GT_OK;
}

static void loading_free(gt_ctx *cx, loading *l) {
  for (int i = 0; i < l->count; i++) {
    gt_free(l->targets[i].name);
    gt_tensor_unref(cx, l->targets[i].tensor);
  }
  gt_free(l->targets);
}

/* State dicts nearly always come in the model's own order: start looking at `hint`. */
static target *find_exact(const loading *l, const char *name, int hint) {
  for (int k = 0; k < l->count; k++) {
    target *t = &l->targets[(hint + k) % l->count];
    if (!strcmp(t->name, name)) return t;
  }
  return NULL;
}

/* The name itself first, so that a child that is really called "module" is found; then without its
 * prefixes. */
static target *find_target(const loading *l, const char *name, int hint) {
  for (;;) {
    target *found = find_exact(l, name, hint);
    if (found) return found;
    const char *shorter = NULL;
    for (int i = 0; i < GT_COUNT(prefixes); i++) {
      size_t n = strlen(prefixes[i]);
      if (!strncmp(name, prefixes[i], n)) shorter = name + n;
    }
    if (!shorter) return NULL;
    name = shorter;
  }
}

/* One line of the message: "\n  missing: a, b, c and 9 more". */
typedef struct complaint {
  const char *title;
  gt_text text;
  int count;
} complaint;

static void complain(gt_ctx *cx, complaint *c, const char *name, const char *detail) {
  if (c->count++ < LISTED)
    gt_text_add(cx, &c->text, "%s%s%s", c->count > 1 ? ", " : "", name, detail);
}

static void complain_shapes(gt_ctx *cx, complaint *c, const target *t, const gt_tensor *given) {
  char want[GT_SHAPE_TEXT];
  char got[GT_SHAPE_TEXT];
  char detail[2 * GT_SHAPE_TEXT + 32];
  gt_spec want_spec = gt_spec_of(t->tensor);
  gt_spec got_spec = gt_spec_of(given);
  snprintf(detail, sizeof detail, " is %s in the model, %s given", gt_shape_text(&want_spec, want),
           gt_shape_text(&got_spec, got));
  complain(cx, c, t->name, detail);
}

enum { MISSING, UNEXPECTED, REPEATED, MISMATCHED, EMPTY, UNTIED, COMPLAINTS };

/* True when another name of the same tensor was given. */
static bool tied_to_given(const loading *l, const target *t) {
  for (int i = 0; i < l->count; i++) {
    if (l->targets[i].tensor == t->tensor && l->targets[i].source >= 0) return true;
  }
  return false;
}

static void check(gt_ctx *cx, loading *l, int given, bool strict, complaint *complaints) {
  for (int i = 0; i < given; i++) {
    target *t = l->count ? find_target(l, l->names[i], i) : NULL;
    if (!t) {
      if (strict) complain(cx, &complaints[UNEXPECTED], l->names[i], "");
      continue;
    }
    if (t->source >= 0) complain(cx, &complaints[REPEATED], t->name, "");
    t->source = i;
    gt_spec want = gt_spec_of(t->tensor);
    gt_spec got = gt_spec_of(l->tensors[i]);
    if (!gt_same_shape(&want, &got)) complain_shapes(cx, &complaints[MISMATCHED], t, l->tensors[i]);
    if (!gt_device_of(l->tensors[i])->data && gt_device_of(t->tensor)->data)
      complain(cx, &complaints[EMPTY], t->name, "");
  }
  for (int i = 0; i < l->count && strict; i++) {
    target *t = &l->targets[i];
    if (t->source < 0 && !tied_to_given(l, t)) complain(cx, &complaints[MISSING], t->name, "");
  }
}

/* Do both have the same bits in that dtype? */
static gt_status same_bits(gt_ctx *cx, gt_dtype dtype, gt_tensor *a, gt_tensor *b, bool *same) {
  gt_frame f = {.cx = cx};
  *same = true;
  if (a == b || !gt_device_of(a)->data || !gt_device_of(b)->data) return GT_OK;
  gt_tensor *x = gt_copy_of(&f, a, dtype, cx->cpu);
  gt_tensor *y = gt_copy_of(&f, b, dtype, cx->cpu);
  if (y) *same = memcmp(gt_data(x), gt_data(y), (size_t)gt_count(x) * gt_dtype_size(dtype)) == 0;
  return gt_frame_end(&f);
}

/* Names of one tensor that were given different values: whichever came last would win. */
static gt_status check_ties(gt_ctx *cx, const loading *l, complaint *complaints) {
  for (int i = 0; i < l->count; i++) {
    const target *t = &l->targets[i];
    for (int k = 0; k < i && t->source >= 0; k++) {
      const target *other = &l->targets[k];
      bool same = true;
      if (other->tensor != t->tensor || other->source < 0) continue;
      GT_TRY(
          same_bits(cx, t->tensor->dtype, l->tensors[other->source], l->tensors[t->source], &same));
      gt_text detail = {0};
      gt_text_add(cx, &detail, " and %s", t->name);
      if (detail.failed) return GT_ENOMEM;
      if (!same) complain(cx, &complaints[UNTIED], other->name, detail.data);
      gt_text_free(&detail);
      break; /* the other one was compared with those before it */
    }
  }
  return GT_OK;
}

/* GT_OK when no complaint was made. */
static gt_status verdict(gt_ctx *cx, const gt_module *m, complaint *complaints) {
  gt_text all = {0};
  for (int i = 0; i < COMPLAINTS; i++) {
    complaint *c = &complaints[i];
    if (!c->count) continue;
    gt_text_add(cx, &all, "\n  %s: %s", c->title, c->text.data ? c->text.data : "");
    if (c->count > LISTED) gt_text_add(cx, &all, " and %d more", c->count - LISTED);
  }
  gt_status status = GT_OK;
  if (all.failed)
    status = GT_ENOMEM;
  else if (all.data)
    status = gt_fail(cx, GT_ESHAPE, "load_state_dict: does not fit %s, nothing was loaded%s",
                     gt_module_class_name(m), all.data);
  gt_text_free(&all);
  return status;
}

gt_status gt_module_load(gt_ctx *cx, gt_module *m, int count, const char *const *names,
                         gt_tensor *const *tensors, bool strict) {
  loading l = {.names = names, .tensors = tensors};
  complaint complaints[COMPLAINTS] = {{.title = "missing"},
                                      {.title = "unexpected"},
                                      {.title = "given twice"},
                                      {.title = "of another shape"},
                                      {.title = "without data (meta)"},
                                      {.title = "one tensor in the model, different ones given"}};
  gt_status status = gt_each_state(cx, m, add_target, &l);
  if (status == GT_OK) {
    check(cx, &l, count, strict, complaints);
    status = verdict(cx, m, complaints);
  }
  if (status == GT_OK) status = check_ties(cx, &l, complaints);
  if (status == GT_OK) status = verdict(cx, m, complaints);
  for (int i = 0; i < l.count && status == GT_OK; i++) {
    if (l.targets[i].source >= 0)
      status = gt_copy(cx, l.targets[i].tensor, tensors[l.targets[i].source]);
  }
  for (int i = 0; i < COMPLAINTS; i++) gt_text_free(&complaints[i].text);
  loading_free(cx, &l);
  return status;
}
