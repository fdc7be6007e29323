/* setting.h: one named value that a user may give: an attribute of an op, a setting of an
 * optimizer, a field of GPTConfig.  A row says its type, default, bounds, choices and text for
 * help(); readers, checks, help and completion follow from it (lua/bind/setting.c). */
#ifndef GT_SETTING_H
#define GT_SETTING_H

#include "core/tensor/tensor.h"

typedef struct gt_dims {
  int count;
  int64_t at[GT_MAX_DIM];
} gt_dims;

/* A value; the setting's type decides which member counts. */
typedef struct gt_value {
  bool given; /* false: the default applies */
  double f;
  int64_t i; /* also bool, dtype (gt_dtype) and choice (index) */
  gt_dims dims;
} gt_value;

#define GT_INT(n)                                                                                  \
  { .given = true, .i = (n) }
#define GT_FLOAT(x)                                                                                \
  { .given = true, .f = (x) }
#define GT_DIMS1(a)                                                                                \
  {                                                                                                \
    .given = true, .dims = { 1, {(a)} }                                                            \
  }
#define GT_DIMS2(a, b)                                                                             \
  {                                                                                                \
    .given = true, .dims = { 2, {(a), (b)} }                                                       \
  }

typedef enum gt_setting_type {
  GT_SETTING_INT,
  GT_SETTING_FLOAT,
  GT_SETTING_BOOL,
  GT_SETTING_DTYPE,
  GT_SETTING_DIMS,
  GT_SETTING_CHOICE
} gt_setting_type;

typedef struct gt_setting {
  const char *name;
  gt_setting_type type;
  /* The default.  INT, DTYPE and DIMS: `given` false in it means "not set" to the reader. */
  gt_value preset;
  bool required;
  /* INT and FLOAT: low <= value <= high where low < high; no bounds where both are 0.  A bounded
   * FLOAT is finite. */
  double low, high;
  bool below; /* `high` itself is excluded */
  /* CHOICE: "none|mean|sum"; the value is a position in it. */
  const char *choices;
  const char *doc;
  /* Has no position among the arguments: PyTorch's has none either, or another one. */
  bool by_name;
  /* FLOAT: how to write it with a tensor, so that gradients reach that. */
  const char *instead;
} gt_setting;

/* Refuses a value outside the bounds, "AdamW: expected 0 <= beta1 < 1, got 2"; `owner` has the
 * setting. */
gt_status gt_setting_check(gt_ctx *cx, const char *owner, const gt_setting *s,
                           const gt_value *value);

/* Position of the setting called `name`; -1 if there is none. */
int gt_setting_find(const gt_setting *list, int count, const char *name);

/* Position of the `length` characters at `text` in "none|mean|sum"; -1 if they are not there. */
int gt_choice_find(const char *choices, const char *text, size_t length);

/* The word at position i of "none|mean|sum", which has one; `length` receives its length. */
const char *gt_choice_at(const char *choices, int64_t i, size_t *length);

#endif
