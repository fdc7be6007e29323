/* repr.c: the text of a module tree as PyTorch prints it.
 *
 *   Name(extra)                      no children
 *   Name(\n  (child): …\n)           children, indented by two
 *   (0-23): 24 x Block(              equal neighbours in a list, printed once */
#include "core/model/module.h"

/* Appends text with `indent` blanks after every newline in it. */
static void add_indented(gt_ctx *cx, gt_text *out, const char *text, int indent) {
  for (;;) {
    const char *end = strchr(text, '\n');
    gt_text_append(cx, out, text, end ? (size_t)(end - text) : strlen(text));
    if (!end) return;
    gt_text_add(cx, out, "\n%*s", indent, "");
    text = end + 1;
  }
}

static gt_status repr(gt_ctx *cx, const gt_module *m, int depth, gt_text *out);

static const char *text_of(const gt_text *text) { return text->data ? text->data : ""; }

/* The children of a list: runs of equal texts become one entry. */
static gt_status repr_list(gt_ctx *cx, const gt_module *m, int depth, gt_text *out) {
  gt_text run = {0};
  gt_text next = {0};
  gt_status status = GT_OK;
  int first = 0;
  int index = 0;
  for (int i = 0; i <= m->slot_count; i++) {
    const gt_module *child = i < m->slot_count ? m->slots[i].module : NULL;
    if (i < m->slot_count && !child) continue;
    if (child) status = repr(cx, child, depth, &next);
    if (status != GT_OK) break;
    bool ends = index > first && (!child || strcmp(text_of(&run), text_of(&next)) != 0);
    if (ends) {
      if (index - first > 1)
        gt_text_add(cx, out, "\n  (%d-%d): %d x ", first, index - 1, index - first);
      else
        gt_text_add(cx, out, "\n  (%d): ", first);
      add_indented(cx, out, text_of(&run), 2);
      first = index;
    }
    gt_text_free(&run);
    run = next;
    next = (gt_text){0};
    index++;
  }
  gt_text_free(&run);
  gt_text_free(&next);
  return status;
}

static gt_status repr_children(gt_ctx *cx, const gt_module *m, int depth, gt_text *out) {
  if (m->list) return repr_list(cx, m, depth, out);
  for (int i = 0; i < m->slot_count; i++) {
    if (!m->slots[i].module) continue;
    gt_text child = {0};
    gt_status status = repr(cx, m->slots[i].module, depth, &child);
    gt_text_add(cx, out, "\n  (%s): ", m->slots[i].name);
    add_indented(cx, out, text_of(&child), 2);
    gt_text_free(&child);
    if (status != GT_OK) return status;
  }
  return GT_OK;
}

static gt_status repr(gt_ctx *cx, const gt_module *m, int depth, gt_text *out) {
  if (depth > GT_MAX_NESTING)
    return gt_fail(cx, GT_EARG, "%s: modules nested deeper than %d", gt_module_class_name(m),
                   GT_MAX_NESTING);
  gt_text extra = {0};
  if (m->extra_repr) m->extra_repr(cx, m, &extra);
  gt_text_add(cx, out, "%s(", gt_module_class_name(m));
  gt_status status = GT_OK;
  if (gt_module_length(m) > 0) {
    if (extra.length) gt_text_add(cx, out, "\n  ");
    add_indented(cx, out, text_of(&extra), 2);
    status = repr_children(cx, m, depth + 1, out);
    gt_text_add(cx, out, "\n");
  } else if (strchr(text_of(&extra), '\n')) {
    gt_text_add(cx, out, "\n  ");
    add_indented(cx, out, text_of(&extra), 2);
    gt_text_add(cx, out, "\n");
  } else {
    gt_text_append(cx, out, text_of(&extra), extra.length);
  }
  gt_text_append(cx, out, ")", 1);
  if (status == GT_OK && (extra.failed || out->failed)) status = GT_ENOMEM;
  gt_text_free(&extra);
  return status;
}

gt_status gt_module_repr(gt_ctx *cx, const gt_module *m, gt_text *out) {
  return repr(cx, m, 0, out);
}
