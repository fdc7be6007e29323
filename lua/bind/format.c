/* format.c: numbers as text: print, tostring, %s, io.write, and Python's format specifications for
 * f-strings.
 *
 * Floats print as the shortest text that reads back equal (core/tensor/text.h).  A decimal point is
 * a point in every locale.  Widths count UTF-8 code points. */
#include "lua/bind/tensor.h"
#include "lua/bind/text.h"

#include <ctype.h>
#include <lualib.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_DIGITS 100 /* precision */
#define MOST_WIDTH 4096
#define NUMBER_MAX 512 /* the longest double with MOST_DIGITS decimals */

/* [[fill]align][sign][#][0][width][,|_][.precision][type] */
typedef struct format {
  char fill[5]; /* one UTF-8 code point */
  char align;   /* < > ^ = or 0 */
  char sign;    /* + - space */
  bool alternate;
  char group;           /* , _ or 0 */
  int width, precision; /* precision -1: none */
  char type;            /* or 0 */
} format;

/* ---- plain text ---- */

const char *gtlua_float_text(double x, char conversion, int precision, char *text, size_t size) {
  if (isnan(x)) return strcpy(text, "nan");
  if (isinf(x)) return strcpy(text, x < 0 ? "-inf" : "inf");
  const char pattern[] = {'%', '.', '*', conversion, '\0'};
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  snprintf(text, size, pattern, precision, x);
#pragma GCC diagnostic pop
  for (char *p = text; *p; p++)
    if (!isalnum((unsigned char)*p) && *p != '-' && *p != '+') *p = '.';
  return text;
}

const char *gtlua_push_text(lua_State *L, int index) {
  index = lua_absindex(L, index);
  if (lua_type(L, index) == LUA_TNUMBER && !lua_isinteger(L, index)) {
    char text[GT_NUMBER_TEXT];
    return lua_pushstring(L, gt_number_text(lua_tonumber(L, index), text));
  }
  return luaL_tolstring(L, index, NULL);
}

static int text_tostring(lua_State *L) {
  luaL_checkany(L, 1);
  gtlua_push_text(L, 1);
  return 1;
}

static int text_print(lua_State *L) {
  int n = lua_gettop(L);
  for (int i = 1; i <= n; i++) {
    size_t length;
    gtlua_push_text(L, i);
    const char *text = lua_tolstring(L, -1, &length);
    if (i > 1) fputc('\t', stdout);
    fwrite(text, 1, length, stdout);
    lua_pop(L, 1);
  }
  fputc('\n', stdout);
  fflush(stdout);
  return 0;
}

int gtlua_call_wrapped(lua_State *L, const char *name) {
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  if (lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0) == LUA_OK) return lua_gettop(L);
  const char *message = lua_tostring(L, -1);
  if (!message || strncmp(message, "bad argument", 12) != 0) return lua_error(L);
  return gtlua_error(L, "%s", luaL_gsub(L, message, "'?'", name));
}

/* Does the call write to the standard output or errors? */
static bool to_terminal(lua_State *L) {
  const luaL_Stream *file = luaL_testudata(L, 1, LUA_FILEHANDLE);
  if (!file) {
    lua_getfield(L, LUA_REGISTRYINDEX, "_IO_output");
    file = luaL_testudata(L, -1, LUA_FILEHANDLE);
    lua_pop(L, 1);
  }
  return file && (file->f == stdout || file->f == stderr);
}

/* io.write and file:write with floats in shortest form; the library shows no control characters. */
static int text_write(lua_State *L) {
  bool shows = gtlua_from_library(L) && to_terminal(L);
  for (int i = lua_gettop(L); i >= 1; i--) {
    if (lua_type(L, i) != LUA_TNUMBER || lua_isinteger(L, i)) continue;
    gtlua_push_text(L, i);
    lua_replace(L, i);
  }
  for (int i = lua_gettop(L); shows && i >= 1; i--)
    if (lua_type(L, i) == LUA_TSTRING) gtlua_make_visible(L, i);
  return gtlua_call_wrapped(L, "'write'");
}

/* table.concat(t[, separator[, i[, j]]]) with floats in shortest form; Ctrl-C stops it. */
static int text_concat(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  size_t length;
  const char *separator = luaL_optlstring(L, 2, "", &length);
  lua_Integer first = luaL_optinteger(L, 3, 1), last = luaL_optinteger(L, 4, luaL_len(L, 1));
  gt_ctx *cx = gtlua_cx(L);
  luaL_Buffer text;
  luaL_buffinit(L, &text);
  for (lua_Integer i = first; i <= last; i++) {
    int type = lua_geti(L, 1, i);
    if (type != LUA_TNUMBER && type != LUA_TSTRING)
      return gtlua_error(L, "invalid value (%s) at index %lld in table for 'concat'",
                         luaL_typename(L, -1), (long long)i);
    if (type == LUA_TNUMBER) {
      gtlua_push_text(L, -1);
      lua_remove(L, -2);
    }
    luaL_addvalue(&text);
    if (i == last) break; /* which may be the largest integer */
    luaL_addlstring(&text, separator, length);
    gtlua_check(L, gt_poll(cx));
  }
  luaL_pushresult(&text);
  return 1;
}

/* string.format where %s writes floats in shortest form. */
static int text_format(lua_State *L) {
  int n = lua_gettop(L), argument = 1;
  const char *p = luaL_checkstring(L, 1);
  while ((p = strchr(p, '%'))) {
    p++;
    if (*p == '%') {
      p++;
      continue;
    }
    p += strspn(p, "-+ #0123456789.");
    argument++;
    if (*p == 's' && argument <= n && lua_type(L, argument) == LUA_TNUMBER &&
        !lua_isinteger(L, argument)) {
      gtlua_push_text(L, argument);
      lua_replace(L, argument);
    }
    if (*p) p++;
  }
  return gtlua_call_wrapped(L, "'format'");
}

/* ---- format specifications ---- */

/* Bytes of the UTF-8 code point at p (1 for a stray byte). */
static int point_length(const char *p) {
  unsigned char c = (unsigned char)*p;
  int n = c < 0xC0 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
  for (int i = 1; i < n; i++)
    if (((unsigned char)p[i] & 0xC0) != 0x80) return 1;
  return n;
}

static int count_points(const char *text, size_t length) {
  int n = 0;
  for (size_t i = 0; i < length; i++) n += ((unsigned char)text[i] & 0xC0) != 0x80;
  return n;
}

static int read_count(const char **p, int most) {
  int n = 0;
  while (isdigit((unsigned char)**p) && n <= most) n = n * 10 + (*(*p)++ - '0');
  return n;
}

static bool is_align(char c) { return c && strchr("<>^=", c) != NULL; }

/* False when spec is not a format specification, or asks for more than MOST_WIDTH or MOST_DIGITS.
 */
static bool parse_format(const char *spec, format *out) {
  *out = (format){.fill = " ", .sign = '-', .precision = -1};
  const char *p = spec;
  int first = *p ? point_length(p) : 0;
  if (first && is_align(p[first])) {
    memcpy(out->fill, p, (size_t)first);
    out->fill[first] = '\0';
    out->align = p[first];
    p += first + 1;
  } else if (is_align(*p)) {
    out->align = *p++;
  }
  if (*p && strchr("+- ", *p)) out->sign = *p++;
  if (*p == '#') out->alternate = true, p++;
  if (*p == '0') {
    if (!out->align) strcpy(out->fill, "0"), out->align = '=';
    p++;
  }
  out->width = read_count(&p, MOST_WIDTH);
  if (*p == ',' || *p == '_') out->group = *p++;
  if (*p == '.') {
    p++;
    if (!isdigit((unsigned char)*p)) return false;
    out->precision = read_count(&p, MOST_DIGITS);
  }
  if (*p && strchr("bdeEfFgGnosxX%", *p)) out->type = *p++;
  return *p == '\0' && out->width <= MOST_WIDTH && out->precision <= MOST_DIGITS;
}

bool gtlua_is_format(const char *spec) {
  format ignored;
  return parse_format(spec, &ignored);
}

/* Adds n fill points. */
static void add_fill(luaL_Buffer *text, const format *f, int n) {
  while (n-- > 0) luaL_addstring(text, f->fill);
}

/* Pushes sign, prefix and body padded to the width; `align` when the specification has none. */
static void push_padded(lua_State *L, const format *f, const char *sign, const char *body,
                        size_t length, char align) {
  if (f->align) align = f->align;
  int pad = f->width - (int)strlen(sign) - count_points(body, length);
  if (pad < 0) pad = 0;
  int left = align == '<' ? 0 : align == '^' ? pad / 2 : pad;
  luaL_Buffer text;
  luaL_buffinit(L, &text);
  if (align != '=') add_fill(&text, f, left);
  luaL_addstring(&text, sign);
  if (align == '=') add_fill(&text, f, left);
  luaL_addlstring(&text, body, length);
  add_fill(&text, f, pad - left);
  luaL_pushresult(&text);
}

/* Inserts the group character between digits from the right in runs of `every`, and zeros up to
 * `width`. */
static void group_digits(const char *digits, char group, int every, int width, char *out,
                         size_t size) {
  int n = (int)strlen(digits), at = (int)size - 1, run = 0;
  char *text = out;
  text[at] = '\0';
  int length = 0;
  for (int i = n - 1; (i >= 0 || length < width) && at > 1; i--) {
    if (run == every) {
      text[--at] = group;
      run = 0;
      length++;
    }
    text[--at] = i >= 0 ? digits[i] : '0';
    run++;
    length++;
  }
  memmove(out, text + at, size - (size_t)at);
}

/* Pushes a number whose digits (before the rest, such as ".25" or "e+10") are to be grouped and
 * padded. */
static void push_number(lua_State *L, const format *f, bool negative, const char *prefix,
                        const char *digits, const char *rest, int every) {
  char sign[8], *grouped = lua_newuserdatauv(L, 2 * MOST_WIDTH + NUMBER_MAX, 0);
  snprintf(sign, sizeof sign, "%s%s",
           negative         ? "-"
           : f->sign == '-' ? ""
           : f->sign == '+' ? "+"
                            : " ",
           prefix);
  size_t size = 2 * MOST_WIDTH;
  bool zeros = f->align == '=' && strcmp(f->fill, "0") == 0;
  if (f->group)
    group_digits(digits, f->group, every,
                 zeros ? f->width - (int)strlen(sign) - (int)strlen(rest) : 0, grouped, size);
  else
    snprintf(grouped, size, "%s", digits);
  strcat(grouped, rest);
  push_padded(L, f, sign, grouped, strlen(grouped), '>');
  lua_remove(L, -2);
}

static void push_integer(lua_State *L, const format *f, lua_Integer n) {
  char digits[72], *p = digits + sizeof digits - 1;
  int base = f->type == 'b' ? 2 : f->type == 'o' ? 8 : f->type == 'x' || f->type == 'X' ? 16 : 10;
  lua_Unsigned left = n < 0 ? 0 - (lua_Unsigned)n : (lua_Unsigned)n;
  *p = '\0';
  do {
    *--p = (f->type == 'X' ? "0123456789ABCDEF" : "0123456789abcdef")[left % (lua_Unsigned)base];
    left /= (lua_Unsigned)base;
  } while (left);
  char prefix[3] = {'0', f->type, '\0'};
  if (!f->alternate || base == 10) prefix[0] = '\0';
  push_number(L, f, n < 0, prefix, p, "", base == 10 ? 3 : 4);
}

/* Python's rule for a precision without a type: like 'g', but scientific one digit earlier, and
 * never without ".0". */
static void general_text(double x, int precision, char *text, size_t size) {
  if (precision == 0) precision = 1;
  gtlua_float_text(x, 'e', precision - 1, text, size);
  if (!isfinite(x)) return;
  int exponent = atoi(strchr(text, 'e') + 1);
  if (exponent >= -4 && exponent < precision - 1) {
    gtlua_float_text(x, 'g', precision, text, size);
    if (!strchr(text, '.')) strcat(text, ".0");
    return;
  }
  char *e = strchr(text, 'e'), *last = e - 1;
  if (!memchr(text, '.', (size_t)(e - text))) return;
  while (*last == '0') last--;
  if (*last == '.') last--;
  memmove(last + 1, e, strlen(e) + 1);
}

static void push_float(lua_State *L, const format *f, double x) {
  char text[NUMBER_MAX + 4];
  bool negative = signbit(x) && !isnan(x);
  double size = negative ? -x : x;
  char type = f->type ? (char)tolower((unsigned char)f->type) : '\0';
  int precision = f->precision < 0 ? 6 : f->precision;
  if (type == '%') {
    gtlua_float_text(size * 100, 'f', precision, text, NUMBER_MAX);
    strcat(text, "%");
  } else if (type == 'e' || type == 'f') {
    gtlua_float_text(size, type, precision, text, NUMBER_MAX);
  } else if (type == 'g' || type == 'n') {
    gtlua_float_text(size, 'g', precision ? precision : 1, text, NUMBER_MAX);
  } else if (f->precision >= 0) {
    general_text(size, f->precision, text, NUMBER_MAX);
  } else {
    gt_number_text(size, text);
  }
  if (f->type && isupper((unsigned char)f->type))
    for (char *p = text; *p; p++) *p = (char)toupper((unsigned char)*p);
  char rest[NUMBER_MAX + 4];
  size_t whole = strspn(text, "0123456789");
  snprintf(rest, sizeof rest, "%s", text + whole);
  text[whole] = '\0';
  format plain = *f;
  if (whole == 0) plain.group = '\0'; /* inf and nan have no digits to group */
  push_number(L, &plain, negative, "", text, rest, 3);
}

static void push_string(lua_State *L, const format *f, int index) {
  gtlua_push_text(L, index);
  size_t length, kept = 0;
  const char *text = lua_tolstring(L, -1, &length);
  for (int n = 0; kept < length && (f->precision < 0 || n < f->precision); n++)
    kept += (size_t)point_length(text + kept);
  push_padded(L, f, "", text, kept < length ? kept : length, '<');
  lua_remove(L, -2);
}

void gtlua_push_formatted(lua_State *L, int index, const char *spec) {
  index = lua_absindex(L, index);
  format f;
  if (!parse_format(spec, &f)) gtlua_error(L, "f-string: '%s' is not a format specification", spec);
  gt_tensor *t = gtlua_testtensor(L, index);
  int top = lua_gettop(L);
  if (t && t->ndim == 0) {
    gtlua_push_item(L, t);
    index = lua_gettop(L);
  } else if (t && *spec) {
    gtlua_error(L,
                "f-string: format '%s' needs a number, got a tensor of %lld elements; see item()",
                spec, (long long)gt_count(t));
  }
  bool integer_type = f.type && strchr("bdoxX", f.type),
       float_type = f.type && strchr("eEfFgG%", f.type);
  int whole = 0;
  lua_Integer n = lua_type(L, index) == LUA_TNUMBER ? lua_tointegerx(L, index, &whole) : 0;
  if (*spec == '\0' || f.type == 's' ||
      (lua_type(L, index) != LUA_TNUMBER && !integer_type && !float_type))
    push_string(L, &f, index);
  else if (lua_type(L, index) != LUA_TNUMBER)
    gtlua_error(L, "f-string: format '%s' needs a number, got %s", spec, gtlua_typename(L, index));
  else if (integer_type && !whole)
    gtlua_error(L, "f-string: format '%s' needs a whole number, got %s", spec,
                gtlua_push_text(L, index));
  else if (integer_type || (lua_isinteger(L, index) && !float_type && f.precision < 0))
    push_integer(L, &f, n);
  else
    push_float(L, &f, lua_tonumber(L, index));
  lua_insert(L, top + 1);
  lua_settop(L, top + 1);
}

/* ---- registration ---- */

static void wrap(lua_State *L, const char *field, lua_CFunction wrapper) {
  lua_getfield(L, -1, field);
  lua_pushcclosure(L, wrapper, 1);
  lua_setfield(L, -2, field);
}

static void open_print(lua_State *L) {
  lua_register(L, "print", text_print);
  lua_register(L, "tostring", text_tostring);
  lua_getglobal(L, LUA_STRLIBNAME);
  wrap(L, "format", text_format);
  lua_pop(L, 1);
  lua_getglobal(L, LUA_TABLIBNAME);
  lua_pushcfunction(L, text_concat);
  lua_setfield(L, -2, "concat");
  lua_pop(L, 1);
  lua_getglobal(L, LUA_IOLIBNAME);
  wrap(L, "write", text_write);
  lua_pop(L, 1);
  luaL_getmetatable(L, LUA_FILEHANDLE);
  lua_getfield(L, -1, "__index");
  wrap(L, "write", text_write);
  lua_pop(L, 2);
}

void gtlua_display(lua_State *L, int index) {
  index = lua_absindex(L, index);
  gtlua_pushlate(L, "base.show", "display");
  lua_pushvalue(L, index);
  lua_call(L, 1, 1);
}

void gtlua_open_text(lua_State *L) {
  open_print(L);
  gtlua_open_fstring(L);
  gtlua_open_load(L);
  gtlua_open_guard(L);
}
