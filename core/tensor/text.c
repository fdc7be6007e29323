/* text.c: growing text; shortest decimal text of doubles.
 *
 * The decimal point depends on the locale, digits do not: numbers are printed with %e, reduced to
 * digits and exponent, and read back as "digits e exponent", which has no point. */
#include "core/tensor/text.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIGITS = 17, SAFE_DIGITS = 15 };

/* value = 0.d1d2d3… * 10^(exponent + 1) */
typedef struct decimal {
  char digits[DIGITS + 3];
  int count, exponent;
} decimal;

/* Makes room for n more bytes and the NUL. */
static bool reserve(gt_ctx *cx, gt_text *text, size_t n) {
  if (text->failed) return false;
  if (n < text->capacity - text->length) return true;
  size_t capacity = text->capacity > 0 ? text->capacity : 64;
  while (capacity - text->length <= n && capacity <= SIZE_MAX / 2) capacity *= 2;
  char *data = capacity - text->length > n ? gt_realloc(cx, text->data, capacity) : NULL;
  if (data == NULL) {
    text->failed = true;
    return false;
  }
  text->data = data;
  text->capacity = capacity;
  return true;
}

void gt_text_append(gt_ctx *cx, gt_text *text, const char *bytes, size_t n) {
  if (!reserve(cx, text, n)) return;
  if (n > 0) memcpy(text->data + text->length, bytes, n);
  text->length += n;
  text->data[text->length] = 0;
}

void gt_text_add(gt_ctx *cx, gt_text *text, const char *format, ...) {
  char small[256];
  va_list arguments, again;
  va_start(arguments, format);
  va_copy(again, arguments);
  int n = vsnprintf(small, sizeof small, format, arguments);
  if (n >= 0 && (size_t)n < sizeof small) {
    gt_text_append(cx, text, small, (size_t)n);
  } else if (n >= 0 && reserve(cx, text, (size_t)n)) {
    vsnprintf(text->data + text->length, (size_t)n + 1, format, again);
    text->length += (size_t)n;
  }
  va_end(again);
  va_end(arguments);
}

void gt_text_free(gt_text *text) {
  gt_free(text->data);
  *text = (gt_text){0};
}

int gt_text_columns(const char *text) {
  int n = 0;
  for (; *text; text++) n += ((unsigned char)*text & 0xC0) != 0x80;
  return n;
}

/* x > 0 rounded to `count` digits. */
static decimal to_decimal(double x, int count) {
  char text[64];
  decimal d = {.count = count};
  snprintf(text, sizeof text, "%.*e", count - 1, x);
  const char *at = text;
  for (int n = 0; *at != 'e'; at++) { /* what is not a digit is the decimal point */
    if (*at >= '0' && *at <= '9') d.digits[n++] = *at;
  }
  d.exponent = atoi(at + 1);
  return d;
}

static double from_decimal(const decimal *d) {
  char text[64];
  snprintf(text, sizeof text, "%.*se%d", d->count, d->digits, d->exponent - d->count + 1);
  return strtod(text, NULL);
}

/* The next decimal of as many digits, up or down; false at a power of ten. */
static bool step(decimal *d, int direction) {
  char carry = direction > 0 ? '9' : '0', reset = direction > 0 ? '0' : '9';
  int i = d->count - 1;
  while (i >= 0 && d->digits[i] == carry) d->digits[i--] = reset;
  if (i < 0 || (i == 0 && direction < 0 && d->digits[0] == '1')) return false;
  d->digits[i] = (char)(d->digits[i] + direction);
  return true;
}

/* A decimal of `count` digits that reads back as x.  The nearest one may fail where its neighbour
 * succeeds, because below a power of two doubles lie closer together than above it. */
static bool read_back(double x, int count, decimal *out) {
  decimal nearest = to_decimal(x, count);
  *out = nearest;
  if (from_decimal(out) == x) return true;
  if (step(out, 1) && from_decimal(out) == x) return true;
  *out = nearest;
  return step(out, -1) && from_decimal(out) == x;
}

/* Shortest decimal of x > 0.  A normal double that has one of 15 digits or fewer shows it when
 * printed with 15; subnormals have no such promise and are searched from one digit up. */
static decimal shortest(double x) {
  decimal d;
  int count = x < 0x1p-1022 ? 1 : SAFE_DIGITS;
  while (!read_back(x, count, &d) && count < DIGITS) count++;
  while (d.count > 1 && d.digits[d.count - 1] == '0') d.count--;
  return d;
}

/* Python's layout: plain from 1e-4 to below 1e16, else scientific. */
static void lay_out(const decimal *d, char *to) {
  int point = d->exponent + 1; /* digits before the decimal point */
  if (point > 16 || point < -3) {
    *to++ = d->digits[0];
    if (d->count > 1) {
      *to++ = '.';
      memcpy(to, d->digits + 1, (size_t)d->count - 1);
      to += d->count - 1;
    }
    unsigned size = (unsigned)abs(d->exponent) % 1000u;
    snprintf(to, 8, "e%c%02u", d->exponent < 0 ? '-' : '+', size);
    return;
  }
  if (point <= 0) *to++ = '0';
  for (int i = 0; i < point; i++) *to++ = i < d->count ? d->digits[i] : '0';
  *to++ = '.';
  for (int i = point; i < 0; i++) *to++ = '0';
  int first = point > 0 ? point : 0;
  if (first >= d->count) *to++ = '0';
  for (int i = first; i < d->count; i++) *to++ = d->digits[i];
  *to = 0;
}

const char *gt_number_text(double x, char text[GT_NUMBER_TEXT]) {
  char *to = text;
  if (isnan(x)) return strcpy(text, "nan");
  if (signbit(x)) *to++ = '-';
  x = fabs(x);
  if (isinf(x)) {
    strcpy(to, "inf");
  } else if (x < 0x1p53 && x == (double)(int64_t)x) {
    snprintf(to, GT_NUMBER_TEXT - 1, "%lld.0", (long long)x);
  } else {
    decimal d = shortest(x);
    lay_out(&d, to);
  }
  return text;
}

const char *gt_fixed_text(double x, int decimals, char text[GT_NUMBER_TEXT]) {
  char local[64];
  if (!isfinite(x)) return gt_number_text(x, text);
  snprintf(local, sizeof local, "%.*f", decimals, x);
  char *to = text;
  for (const char *at = local; *at && to < text + GT_NUMBER_TEXT - 1; at++) {
    bool digit = (*at >= '0' && *at <= '9') || *at == '-';
    if (digit)
      *to++ = *at;
    else if (to > text && to[-1] != '.') /* the locale's point may be several bytes */
      *to++ = '.';
  }
  *to = 0;
  return text;
}

const char *gt_grouped_text(int64_t n, char text[GT_NUMBER_TEXT]) {
  char digits[GT_NUMBER_TEXT];
  uint64_t magnitude = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
  int count = snprintf(digits, sizeof digits, "%llu", (unsigned long long)magnitude);
  char *to = text;
  if (n < 0) *to++ = '-';
  for (int i = 0; i < count; i++) {
    if (i > 0 && (count - i) % 3 == 0) *to++ = ',';
    *to++ = digits[i];
  }
  *to = 0;
  return text;
}
