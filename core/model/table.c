/* table.c: counting the rows of a summary and writing them in torchinfo's layout.
 *
 * By default the figures are right: a tied tensor counts once, and the multiplications of a layer
 * are its parameters times every leading dimension of its output (none for a lookup).
 * torchinfo 1.8.0 counts tied tensors again, multiplies by the batch alone and prints its unit as
 * an enum's name; the compatible mode does all three, byte for byte. */
#include "core/model/table.h"
#include "core/model/nn.h"
#include "core/model/seen.h"

#include <stdlib.h>

enum { NAME_WIDTH = 40, COLUMN_WIDTH = 25, INDENT = 5, TIES_LISTED = 3 };

static gt_module *module_of(const gt_summary_rows *rows, const gt_summary_row *row) {
  return rows->places[row->place].module;
}

static int depth_of(const gt_summary_rows *rows, const gt_summary_row *row) {
  return rows->places[row->place].depth;
}

static bool is_leaf(const gt_summary_rows *rows, const gt_summary_row *row) {
  return gt_module_length(module_of(rows, row)) == 0;
}

/* ---- counting ---- */

static void number_rows(gt_summary_rows *rows) {
  for (int i = 0; i < rows->count; i++) {
    gt_summary_row *row = &rows->items[i];
    int depth = depth_of(rows, row);
    row->index = 1;
    for (int k = i - 1; k >= 0 && row->index == 1; k--) {
      if (depth_of(rows, &rows->items[k]) == depth) row->index = rows->items[k].index + 1;
    }
    row->end = i + 1;
    while (row->end < rows->count && depth_of(rows, &rows->items[row->end]) > depth) row->end++;
  }
}

/* torchinfo's arithmetic: a module's total minus what every row below it shows. */
static void count_compatible(gt_summary_rows *rows) {
  for (int i = rows->count - 1; i >= 0; i--) {
    gt_summary_row *row = &rows->items[i];
    row->shown = row->params;
    row->shown_trainable = row->trainable;
    if (is_leaf(rows, row)) continue;
    for (int k = i + 1; k < row->end; k++) {
      if (rows->items[k].repeated) continue;
      row->shown -= rows->items[k].shown;
      row->shown_trainable -= rows->items[k].shown_trainable;
    }
  }
}

/* Tensors met so far and how many elements of new ones a walk finds. */
typedef struct tally {
  gt_seen seen;
  int64_t fresh, fresh_trainable;
} tally;

static gt_status tally_parameter(gt_ctx *cx, const gt_entry *entry, void *data) {
  tally *t = data;
  bool fresh = false;
  GT_TRY(gt_seen_add(cx, &t->seen, entry->slot->tensor, &fresh));
  if (!fresh) return GT_OK;
  t->fresh += gt_count(entry->slot->tensor);
  if (entry->slot->tensor->requires_grad) t->fresh_trainable += gt_count(entry->slot->tensor);
  return GT_OK;
}

/* What of row i's tensors none of the rows below it holds. */
static gt_status count_own(gt_ctx *cx, gt_summary_rows *rows, int i) {
  gt_summary_row *row = &rows->items[i];
  tally t = {0};
  gt_status status = GT_OK;
  for (int k = i + 1; k < row->end && status == GT_OK; k = rows->items[k].end)
    status = gt_each_parameter(cx, module_of(rows, &rows->items[k]), true, tally_parameter, &t);
  t.fresh = t.fresh_trainable = 0;
  if (status == GT_OK)
    status = gt_each_parameter(cx, module_of(rows, row), true, tally_parameter, &t);
  row->shown = t.fresh;
  row->shown_trainable = t.fresh_trainable;
  gt_seen_free(&t.seen);
  return status;
}

static gt_status count_unique(gt_ctx *cx, gt_summary_rows *rows) {
  tally leaves = {0};
  gt_status status = GT_OK;
  for (int i = 0; i < rows->count && status == GT_OK; i++) {
    gt_summary_row *row = &rows->items[i];
    status = count_own(cx, rows, i);
    if (status != GT_OK || !is_leaf(rows, row) || row->repeated) continue;
    leaves.fresh = 0;
    status = gt_each_parameter(cx, module_of(rows, row), true, tally_parameter, &leaves);
    row->tied = leaves.fresh == 0 && row->params > 0;
  }
  gt_seen_free(&leaves.seen);
  return status;
}

/* Multiplications of one execution, from the parameters that the module holds itself. */
static int64_t mult_adds(const gt_summary_rows *rows, const gt_summary_row *row, bool compat) {
  const gt_module *m = module_of(rows, row);
  const gt_spec *out = &row->output;
  if (!row->called || (compat && !is_leaf(rows, row))) return 0;
  if (!compat && m->class == &gt_class_embedding) return 0;
  int64_t positions = compat && out->ndim > 0 ? out->shape[0] : 1;
  for (int i = 0; i + 1 < out->ndim && !compat; i++) positions *= out->shape[i];
  int64_t total = 0;
  for (int i = 0; i < m->slot_count; i++) {
    const gt_slot *slot = &m->slots[i];
    if (slot->kind != GT_SLOT_PARAMETER || !slot->tensor) continue;
    bool counted = !compat || !strcmp(slot->name, "weight") || !strcmp(slot->name, "bias");
    if (counted) total += positions * gt_count(slot->tensor);
  }
  return total;
}

static int64_t at_least_zero(int64_t n) { return n > 0 ? n : 0; }

static void total_rows(const gt_summary_rows *rows, bool compat, gt_summary *out) {
  for (int i = 0; i < rows->count; i++) {
    const gt_summary_row *row = &rows->items[i];
    out->mult_adds += mult_adds(rows, row, compat);
    if (is_leaf(rows, row) && row->params > 0 && row->called) /* twice: with its gradient */
      out->output_bytes +=
          2 * gt_spec_count(&row->output) * (int64_t)gt_dtype_size(row->output.dtype);
    if (row->repeated || !compat) continue;
    out->total_params += at_least_zero(row->shown);
    out->trainable_params += at_least_zero(row->shown_trainable);
    if (is_leaf(rows, row)) out->param_bytes += row->bytes;
  }
  if (compat || rows->count == 0) return;
  out->total_params = rows->items[0].params; /* the root's, tied tensors once */
  out->trainable_params = rows->items[0].trainable;
  out->param_bytes = rows->items[0].bytes;
}

/* ---- ties ---- */

typedef struct ties {
  struct {
    const gt_tensor *tensor;
    char *name;
  } * first;
  int64_t count, capacity;
  int listed;
  int64_t params;
  gt_text text; /* "lm_head.weight = token_embedding.weight, …" */
} ties;

static gt_status add_tie(gt_ctx *cx, const gt_entry *entry, void *data) {
  ties *t = data;
  for (int i = 0; i < t->count; i++) {
    if (t->first[i].tensor != entry->slot->tensor) continue;
    t->params += gt_count(entry->slot->tensor);
    if (t->listed++ < TIES_LISTED)
      gt_text_add(cx, &t->text, "%s%s = %s", t->listed > 1 ? ", " : "", entry->name,
                  t->first[i].name);
    return GT_OK;
  }
  GT_TRY(gt_grow(cx, &t->first, t->count, &t->capacity, sizeof *t->first));
  char *name = gt_strdup(cx, entry->name);
  if (!name) return GT_ENOMEM;
  t->first[t->count].tensor = entry->slot->tensor;
  t->first[t->count++].name = name;
  return GT_OK;
}

static void write_ties(gt_ctx *cx, const ties *t, gt_text *text) {
  char n[GT_NUMBER_TEXT];
  if (!t->listed) return;
  gt_text_add(cx, text, "Tied params counted once: %s (%s", gt_grouped_text(t->params, n),
              t->text.data ? t->text.data : "");
  if (t->listed > TIES_LISTED) gt_text_add(cx, text, " and %d more", t->listed - TIES_LISTED);
  gt_text_add(cx, text, ")\n");
}

static gt_status find_ties(gt_ctx *cx, gt_module *m, gt_summary *out) {
  ties t = {0};
  gt_status status = gt_each_parameter(cx, m, false, add_tie, &t);
  out->tied_params = t.params;
  if (status == GT_OK) write_ties(cx, &t, &out->text);
  if (t.text.failed) status = GT_ENOMEM;
  for (int i = 0; i < t.count; i++) gt_free(t.first[i].name);
  gt_free(t.first);
  gt_text_free(&t.text);
  return status;
}

/* ---- text ---- */

/* "TransformerBlock: 2-1" */
static void add_title(gt_ctx *cx, const gt_summary_rows *rows, const gt_summary_row *row,
                      gt_text *out) {
  int depth = depth_of(rows, row);
  gt_text_add(cx, out, "%s", gt_module_class_name(module_of(rows, row)));
  if (depth > 0) gt_text_add(cx, out, ": %d-%d", depth, row->index);
}

static int name_width(gt_ctx *cx, const gt_summary_rows *rows) {
  int longest = 0;
  for (int i = 0; i < rows->count; i++) {
    gt_text title = {0};
    add_title(cx, rows, &rows->items[i], &title);
    int n = depth_of(rows, &rows->items[i]) * INDENT + 1;
    if (title.data) n += gt_text_columns(title.data);
    if (n > longest) longest = n;
    gt_text_free(&title);
  }
  return longest < NAME_WIDTH ? NAME_WIDTH : (longest + INDENT - 1) / INDENT * INDENT;
}

static void add_rule(gt_ctx *cx, int width, gt_text *out) {
  for (int i = 0; i < width + 2 * COLUMN_WIDTH; i++) gt_text_append(cx, out, "=", 1);
}

/* Pads the line begun at `start` to `width` columns and one blank. */
static void pad(gt_ctx *cx, gt_text *out, size_t start, int width) {
  int have = out->data ? gt_text_columns(out->data + start) : 0;
  gt_text_add(cx, out, "%*s", have < width + 1 ? width + 1 - have : 1, "");
}

static void end_line(gt_ctx *cx, gt_text *out) {
  while (out->length && out->data[out->length - 1] == ' ') out->data[--out->length] = '\0';
  gt_text_append(cx, out, "\n", 1);
}

static void add_params(gt_ctx *cx, const gt_summary_rows *rows, const gt_summary_row *row,
                       int max_depth, gt_text *out) {
  char n[GT_NUMBER_TEXT];
  bool whole = is_leaf(rows, row) || depth_of(rows, row) == max_depth;
  if (row->params == 0)
    gt_text_add(cx, out, "--");
  else if (row->repeated)
    gt_text_add(cx, out, "(recursive)");
  else if (!whole && row->shown <= 0)
    gt_text_add(cx, out, "--");
  else if (row->tied)
    gt_text_add(cx, out, "(tied)");
  else if (!whole)
    gt_text_add(cx, out, "%s", gt_grouped_text(row->shown, n));
  else
    gt_text_add(cx, out, row->trainable ? "%s" : "(%s)", gt_grouped_text(row->params, n));
}

static void add_row(gt_ctx *cx, const gt_summary_rows *rows, const gt_summary_row *row, int width,
                    int max_depth, gt_text *out) {
  size_t start = out->length;
  int depth = depth_of(rows, row);
  for (int d = 1; d < depth; d++) gt_text_add(cx, out, "│    ");
  if (depth) gt_text_add(cx, out, depth == 1 ? "├─" : "└─");
  add_title(cx, rows, row, out);
  pad(cx, out, start, width);
  size_t middle = out->length;
  for (int i = 0; i < row->output.ndim && row->called; i++)
    gt_text_add(cx, out, "%s%lld", i ? ", " : "[", (long long)row->output.shape[i]);
  gt_text_add(cx, out, row->called && row->output.ndim ? "]" : "--");
  pad(cx, out, middle, COLUMN_WIDTH);
  add_params(cx, rows, row, max_depth, out);
  end_line(cx, out);
}

/* "Total mult-adds (G): 292.06" */
static void add_mult_adds(gt_ctx *cx, int64_t n, bool compat, gt_text *out) {
  static const struct {
    double size;
    const char *letter, *enumeration;
  } units[] = {{1e12, "T", "Units.TERABYTES"},
               {1e9, "G", "Units.GIGABYTES"},
               {1e6, "M", "Units.MEGABYTES"},
               {1e3, "K", NULL}};
  char text[GT_NUMBER_TEXT];
  int unit = 0;
  while (unit < (compat ? 2 : 3) && (double)n < units[unit].size) unit++;
  double x = (double)n / units[unit].size;
  if (compat && x == (double)(int64_t)x)
    gt_text_add(cx, out, "Total mult-adds (%s): %lld\n", units[unit].enumeration, (long long)x);
  else if (!compat && n < 1000)
    gt_text_add(cx, out, "Total mult-adds: %lld\n", (long long)n);
  else
    gt_text_add(cx, out, "Total mult-adds (%s): %s\n",
                compat ? units[unit].enumeration : units[unit].letter, gt_fixed_text(x, 2, text));
}

static void add_count(gt_ctx *cx, const char *title, int64_t n, gt_text *out) {
  char text[GT_NUMBER_TEXT];
  gt_text_add(cx, out, "%s: %s\n", title, gt_grouped_text(n, text));
}

static void add_megabytes(gt_ctx *cx, const char *title, int64_t bytes, gt_text *out) {
  char text[GT_NUMBER_TEXT];
  gt_text_add(cx, out, "%s (MB): %s\n", title, gt_fixed_text((double)bytes / 1e6, 2, text));
}

static gt_status add_totals(gt_ctx *cx, const gt_summary_rows *rows, int width, bool compat,
                            gt_summary *s) {
  gt_text *out = &s->text;
  add_count(cx, "Total params", s->total_params, out);
  add_count(cx, "Trainable params", s->trainable_params, out);
  add_count(cx, "Non-trainable params", s->total_params - s->trainable_params, out);
  if (!compat) GT_TRY(find_ties(cx, rows->places[0].module, s));
  add_mult_adds(cx, s->mult_adds, compat, out);
  add_rule(cx, width, out);
  gt_text_append(cx, out, "\n", 1);
  add_megabytes(cx, "Input size", s->input_bytes, out);
  add_megabytes(cx, "Forward/backward pass size", s->output_bytes, out);
  add_megabytes(cx, "Params size", s->param_bytes, out);
  add_megabytes(cx, "Estimated Total Size", s->input_bytes + s->output_bytes + s->param_bytes, out);
  add_rule(cx, width, out);
  return out->failed ? GT_ENOMEM : GT_OK;
}

gt_status gt_summary_write(gt_ctx *cx, gt_summary_rows *rows, const gt_arguments *args,
                           const gt_summary_options *options, gt_summary *s) {
  number_rows(rows);
  if (options->compat)
    count_compatible(rows);
  else
    GT_TRY(count_unique(cx, rows));
  total_rows(rows, options->compat, s);
  for (int i = 0; i < args->count; i++) {
    for (int k = 0; k < args->arg[i].count; k++)
      s->input_bytes +=
          gt_count(args->arg[i].at[k]) * (int64_t)gt_dtype_size(args->arg[i].at[k]->dtype);
  }
  int width = name_width(cx, rows);
  add_rule(cx, width, &s->text);
  gt_text_append(cx, &s->text, "\n", 1);
  size_t start = s->text.length;
  gt_text_add(cx, &s->text, "Layer (type:depth-idx)");
  pad(cx, &s->text, start, width);
  gt_text_add(cx, &s->text, "%-*s Param #\n", COLUMN_WIDTH, "Output Shape");
  add_rule(cx, width, &s->text);
  gt_text_append(cx, &s->text, "\n", 1);
  for (int i = 0; i < rows->count; i++) {
    if (depth_of(rows, &rows->items[i]) <= options->depth)
      add_row(cx, rows, &rows->items[i], width, options->depth, &s->text);
  }
  add_rule(cx, width, &s->text);
  gt_text_append(cx, &s->text, "\n", 1);
  return add_totals(cx, rows, width, options->compat, s);
}
