/* setting.c: bounds and choices of settings. */
#include "core/tensor/setting.h"

#include "core/tensor/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* A bound as the setting's values are written. */
static void bound_text(const gt_setting *s, double x, char text[GT_NUMBER_TEXT]) {
  if (s->type == GT_SETTING_INT)
    snprintf(text, GT_NUMBER_TEXT, "%.0f", x);
  else
    gt_number_text(x, text);
}

gt_status gt_setting_check(gt_ctx *cx, const char *owner, const gt_setting *s,
                           const gt_value *value) {
  char low[GT_NUMBER_TEXT], high[GT_NUMBER_TEXT], got[GT_NUMBER_TEXT];
  if (!(s->low < s->high)) return GT_OK;
  double x = s->type == GT_SETTING_INT ? (double)value->i : value->f;
  if (x >= s->low && (s->below ? x < s->high : x <= s->high) && isfinite(x)) return GT_OK;
  bound_text(s, s->low, low);
  bound_text(s, s->high, high);
  if (s->type == GT_SETTING_INT)
    snprintf(got, sizeof got, "%lld", (long long)value->i);
  else
    gt_number_text(x, got);
  if (isinf(s->high))
    return gt_fail(cx, GT_EARG, "%s: expected %s >= %s and finite, got %s", owner, s->name, low,
                   got);
  return gt_fail(cx, GT_EARG, "%s: expected %s <= %s %s %s, got %s", owner, low, s->name,
                 s->below ? "<" : "<=", high, got);
}

int gt_setting_find(const gt_setting *list, int count, const char *name) {
  for (int i = 0; i < count; i++)
    if (strcmp(list[i].name, name) == 0) return i;
  return -1;
}

int gt_choice_find(const char *choices, const char *text, size_t length) {
  for (int i = 0;; i++) {
    size_t n = strcspn(choices, "|");
    if (n == length && memcmp(choices, text, n) == 0) return i;
    if (!choices[n]) return -1;
    choices += n + 1;
  }
}

const char *gt_choice_at(const char *choices, int64_t i, size_t *length) {
  for (; i > 0; i--) choices += strcspn(choices, "|") + 1;
  *length = strcspn(choices, "|");
  return choices;
}
