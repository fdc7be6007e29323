/* utf8.h: where code points end in text that may not be UTF-8 at all. */
#ifndef GT_UTF8_H
#define GT_UTF8_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Bytes of the code point at the start of bytes[0..n), 0 when none begins there: overlong forms,
 * surrogates and code points above 10FFFF are not UTF-8.  n >= 1. */
static inline size_t gt_utf8_length(const char *bytes, size_t n) {
  const unsigned char *s = (const unsigned char *)bytes;
  uint32_t c = s[0];
  if (c < 0x80) return 1;
  size_t length = c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;
  if (length == 0 || length > n) return 0;
  uint32_t least = length == 3 ? 0x800 : length == 4 ? 0x10000 : 0;
  c &= 0x7fu >> length;
  for (size_t i = 1; i < length; i++) {
    if ((s[i] & 0xc0) != 0x80) return 0;
    c = c << 6 | (s[i] & 0x3fu);
  }
  return c < least || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) ? 0 : length;
}

/* Bytes of UTF-8 at the start of bytes[0..n): n when all of it is. */
static inline size_t gt_utf8_span(const char *bytes, size_t n) {
  uint64_t eight;
  for (size_t at = 0, length; at < n; at += length) {
    while (n - at >= 8 && (memcpy(&eight, bytes + at, 8), (eight & 0x8080808080808080u) == 0))
      at += 8;
    if (at == n) break;
    if ((length = gt_utf8_length(bytes + at, n - at)) == 0) return at;
  }
  return n;
}

#endif
