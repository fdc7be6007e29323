/* text.h: growing text, and numbers as the shortest text that reads back equal. */
#ifndef GT_TEXT_H
#define GT_TEXT_H

#include "core/tensor/context.h"

/* Zero-initialise; free with gt_text_free.  A failed append sets `failed` and is remembered: check
 * once at the end. */
typedef struct gt_text {
  char *data; /* NUL-terminated, or NULL when empty */
  size_t length, capacity;
  bool failed;
} gt_text;

void gt_text_add(gt_ctx *cx, gt_text *text, const char *format, ...) GT_PRINTF(3, 4);
void gt_text_append(gt_ctx *cx, gt_text *text, const char *bytes, size_t n);
void gt_text_free(gt_text *text);

/* Number of code points in UTF-8 text: its width in a table. */
int gt_text_columns(const char *text);

/* Python's repr of a double: "0.1", "1e-05", "1e+16", "5.960464477539063e-08", "inf", "-inf",
 * "nan", "-0.0". Locale-independent.  Returns text. */
#define GT_NUMBER_TEXT 32
const char *gt_number_text(double x, char text[GT_NUMBER_TEXT]);

/* x with `decimals` digits after the point, whatever the locale: "0.866025". |x| < 1e20. */
const char *gt_fixed_text(double x, int decimals, char text[GT_NUMBER_TEXT]);

/* 1234567 -> "1,234,567" */
const char *gt_grouped_text(int64_t n, char text[GT_NUMBER_TEXT]);

#endif
