/* visible.c: text as a terminal may show it: what would steer the terminal, or turn the direction
 * of what is read, is written as \x1b or \u{202e}.  Line breaks and tabs stay. */
#include "lua/bind/text.h"

#include <stdio.h>
#include <string.h>

/* Does the character turn the direction of writing? */
static bool turns(unsigned code) {
  return code == 0x61c || code == 0x200e || code == 0x200f || (code >= 0x202a && code <= 0x202e) ||
         (code >= 0x2066 && code <= 0x2069);
}

/* The code of the character of two or three bytes at p, and its length; 0 when there is none. */
static unsigned code_at(const unsigned char *p, size_t left, size_t *n) {
  if (left >= 2 && (p[0] & 0xe0) == 0xc0 && (p[1] & 0xc0) == 0x80) {
    *n = 2;
    return (p[0] & 0x1fu) << 6 | (p[1] & 0x3fu);
  }
  if (left >= 3 && (p[0] & 0xf0) == 0xe0 && (p[1] & 0xc0) == 0x80 && (p[2] & 0xc0) == 0x80) {
    *n = 3;
    return (p[0] & 0x0fu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu);
  }
  return 0;
}

/* Length of the character at p that must not be shown as it is, with what is shown in its place; 0:
 * it is harmless, and takes *plain bytes. */
static size_t harmful(const unsigned char *p, size_t left, size_t *plain, char out[12]) {
  size_t n = 1;
  *plain = 1;
  if (*p < 0x80) {
    if ((*p >= 32 && *p != 127) || *p == '\n' || *p == '\t') return 0;
    snprintf(out, 12, "\\x%02x", *p);
    return 1;
  }
  unsigned code = code_at(p, left, &n);
  if ((code >= 0x80 && code < 0xa0) || turns(code)) {
    snprintf(out, 12, "\\u{%x}", code);
    return n;
  }
  if (code == 0 && *p >= 0xf0 && left >= 4 && (p[1] & 0xc0) == 0x80) n = 4;
  *plain = n;
  if (code != 0 || n == 4 || *p >= 0xa0) return 0;
  snprintf(out, 12, "\\x%02x", *p); /* C1 of an encoding of single bytes */
  return 1;
}

/* The first harmful character of the text from `at` on; size when there is none. */
static size_t find_harmful(const char *text, size_t at, size_t size, size_t *n, char out[12]) {
  size_t plain;
  for (; at < size; at += plain) {
    *n = harmful((const unsigned char *)text + at, size - at, &plain, out);
    if (*n > 0) return at;
  }
  return size;
}

void gtlua_write_visible(FILE *f, const char *text, size_t size) {
  char out[12];
  size_t n = 0;
  for (size_t at = 0; at < size;) {
    size_t stop = find_harmful(text, at, size, &n, out);
    fwrite(text + at, 1, stop - at, f);
    if (stop < size) fputs(out, f);
    at = stop + n;
  }
}

void gtlua_make_visible(lua_State *L, int index) {
  index = lua_absindex(L, index);
  char out[12];
  size_t size, n = 0;
  const char *text = lua_tolstring(L, index, &size);
  if (find_harmful(text, 0, size, &n, out) == size) return;
  luaL_Buffer result;
  luaL_buffinit(L, &result);
  for (size_t at = 0; at < size;) {
    size_t stop = find_harmful(text, at, size, &n, out);
    luaL_addlstring(&result, text + at, stop - at);
    if (stop < size) luaL_addstring(&result, out);
    at = stop + n;
  }
  luaL_pushresult(&result);
  lua_replace(L, index);
}

int gtlua_visible(lua_State *L) {
  luaL_checkstring(L, 1);
  lua_settop(L, 1);
  gtlua_make_visible(L, 1);
  return 1;
}
