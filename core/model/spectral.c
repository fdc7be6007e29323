/* spectral.c: the learning-rate table of the spectral notebook.
 *
 *   multiplier = scale * fan_out / fan_in,  lr = base * multiplier       (arXiv 2310.17813)
 *
 * A power of two as scale makes these the same doubles as (fan_out / fan_in) / 64 of the notebook.
 */
#include "core/model/spectral.h"

#include "core/model/nn.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

gt_status gt_spectral_row_make(gt_ctx *cx, const char *name, int64_t fan_in, int64_t fan_out,
                               double lr, double scale, gt_spectral_row *out) {
  char lr_text[GT_NUMBER_TEXT];
  char scale_text[GT_NUMBER_TEXT];
  if (fan_in < 1 || fan_out < 1)
    return gt_fail(cx, GT_EARG, "spectral: expected positive fans for %s, got %lld and %lld", name,
                   (long long)fan_in, (long long)fan_out);
  if (!(lr > 0 && isfinite(lr) && scale > 0 && isfinite(scale)))
    return gt_fail(cx, GT_EARG, "spectral: expected positive finite lr and scale, got %s and %s",
                   gt_number_text(lr, lr_text), gt_number_text(scale, scale_text));
  gt_spectral_row row = {.fan_in = fan_in, .fan_out = fan_out};
  row.multiplier = (double)fan_out / (double)fan_in * scale;
  row.lr = lr * row.multiplier;
  row.name = gt_strdup(cx, name);
  if (!row.name) return GT_ENOMEM;
  *out = row;
  return GT_OK;
}

/* ---- a live model ---- */

typedef struct building {
  gt_spectral_table table;
  int64_t capacity;
  double lr, scale;
} building;

static int64_t matrix_fan_in(const gt_tensor *t) { return gt_count(t) / t->shape[0]; }

static bool is_matrix(const gt_tensor *t) { return t && t->ndim >= 2 && gt_count(t) > 0; }

/* fan_in of the matrix that a bias belongs to; its own length when there is none. */
static int64_t vector_fan_in(const gt_module *owner, const gt_slot *slot) {
  const gt_slot *weight = gt_module_slot(owner, "weight");
  bool bias = !strcmp(slot->name, "bias") && weight && is_matrix(weight->tensor);
  int64_t own = gt_count(slot->tensor);
  if (!bias) return own > 0 ? own : 1;
  return owner->class == &gt_class_embedding ? 1 : matrix_fan_in(weight->tensor);
}

static gt_status add_row(gt_ctx *cx, const gt_entry *entry, void *data) {
  building *b = data;
  const gt_tensor *t = entry->slot->tensor;
  int64_t fan_in = 1;
  int64_t fan_out = 1;
  if (!is_matrix(t)) {
    fan_in = vector_fan_in(entry->owner, entry->slot);
  } else if (entry->owner->class == &gt_class_embedding) {
    fan_out = matrix_fan_in(t);
  } else {
    fan_in = matrix_fan_in(t);
    fan_out = t->shape[0];
  }
  GT_TRY(gt_grow(cx, &b->table.rows, b->table.count, &b->capacity, sizeof *b->table.rows));
  GT_TRY(gt_spectral_row_make(cx, entry->name, fan_in, fan_out, b->lr, b->scale,
                              &b->table.rows[b->table.count]));
  b->table.count++;
  return GT_OK;
}

gt_status gt_spectral_model(gt_ctx *cx, gt_module *m, double lr, double scale,
                            gt_spectral_table *out) {
  building b = {.lr = lr, .scale = scale};
  gt_status status = gt_each_parameter(cx, m, false, add_row, &b);
  if (status == GT_OK)
    *out = b.table;
  else
    gt_spectral_free(&b.table);
  return status;
}

/* ---- text ---- */

enum { NAME, FAN_IN, FAN_OUT, MULTIPLIER, LR, COLUMNS };

static const char *const titles[COLUMNS] = {"name", "fan_in", "fan_out", "multiplier", "lr"};

/* The text of one cell; row -1 is the header. */
static const char *cell(const gt_spectral_table *table, int row, int column,
                        char text[GT_NUMBER_TEXT]) {
  if (row < 0) return titles[column];
  const gt_spectral_row *r = &table->rows[row];
  switch (column) {
  case NAME:
    return r->name;
  case MULTIPLIER:
    return gt_number_text(r->multiplier, text);
  case LR:
    return gt_number_text(r->lr, text);
  default:
    snprintf(text, GT_NUMBER_TEXT, "%lld", (long long)(column == FAN_IN ? r->fan_in : r->fan_out));
    return text;
  }
}

/* Names to the left, numbers to the right, two blanks between columns. */
gt_status gt_spectral_text(gt_ctx *cx, const gt_spectral_table *table, gt_text *out) {
  char text[GT_NUMBER_TEXT];
  int width[COLUMNS] = {0};
  for (int row = -1; row < table->count; row++) {
    for (int column = 0; column < COLUMNS; column++) {
      int n = gt_text_columns(cell(table, row, column, text));
      if (n > width[column]) width[column] = n;
    }
  }
  for (int row = -1; row < table->count; row++) {
    for (int column = 0; column < COLUMNS; column++) {
      const char *shown = cell(table, row, column, text);
      int pad = width[column] - gt_text_columns(shown);
      if (column == NAME)
        gt_text_add(cx, out, "%s%*s", shown, pad, "");
      else
        gt_text_add(cx, out, "  %*s%s", pad, "", shown);
    }
    if (row + 1 < table->count) gt_text_add(cx, out, "\n");
  }
  return out->failed ? GT_ENOMEM : GT_OK;
}

void gt_spectral_free(gt_spectral_table *table) {
  for (int i = 0; i < table->count; i++) gt_free(table->rows[i].name);
  gt_free(table->rows);
  *table = (gt_spectral_table){0};
}
