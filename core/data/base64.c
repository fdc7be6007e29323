/* base64.c: see base64.h. */
#include "core/data/base64.h"

#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void gt_base64_add(gt_ctx *cx, gt_text *out, const char *bytes, size_t n) {
  for (size_t i = 0; i < n; i += 3) {
    size_t have = n - i < 3 ? n - i : 3;
    uint32_t word = 0;
    for (size_t j = 0; j < 3; j++) word = word << 8 | (j < have ? (unsigned char)bytes[i + j] : 0u);
    char four[4];
    for (size_t j = 0; j < 4; j++) four[j] = j <= have ? digits[word >> (18 - 6 * j) & 63] : '=';
    gt_text_append(cx, out, four, 4);
  }
}

bool gt_base64_decode(const char *text, size_t n, char *out, size_t room, size_t *size) {
  if (n == 0 || n % 4) return false;
  size_t padding = (size_t)(text[n - 1] == '=') + (size_t)(text[n - 2] == '=');
  if (padding == 1 && text[n - 2] == '=') return false;
  size_t bytes = n / 4 * 3 - padding, digit_count = n - padding;
  if (bytes > room) return false;
  uint32_t word = 0;
  for (size_t i = 0; i < n; i++) {
    const char *digit = i < digit_count ? memchr(digits, text[i], 64) : digits;
    if (!digit) return false;
    word = word << 6 | (uint32_t)(digit - digits);
    if (i % 4 != 3) continue;
    for (size_t j = 0; j < 3; j++) {
      size_t at = i / 4 * 3 + j;
      unsigned char byte = (unsigned char)(word >> (16 - 8 * j));
      if (at < bytes)
        out[at] = (char)byte;
      else if (byte)
        return false; /* bits after the last byte */
    }
    word = 0;
  }
  *size = bytes;
  return true;
}
