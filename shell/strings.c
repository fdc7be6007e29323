/* strings.c: string.find, match, gmatch, gsub and rep, which Ctrl-C can stop (library.h says why
 * these). */
#include "shell/interrupt.h"
#include "shell/library.h"
#include "shell/pattern.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdint.h>
#include <string.h>

#define PIECE ((size_t)8 << 20) /* bytes written between two looks for an interrupt */

/* A start counted from 1, or from the end when negative, as an offset from 0; at most size + 1. */
static size_t start_of(lua_State *L, int argument, size_t size) {
  lua_Integer start = luaL_optinteger(L, argument, 1);
  if (start > (lua_Integer)size) return start == (lua_Integer)size + 1 ? size : size + 1;
  if (start > 0) return (size_t)start - 1;
  return start == 0 || start < -(lua_Integer)size ? 0 : size - (size_t)-start;
}

/* The matcher of the text at argument 1 and the pattern at argument 2. */
static sh_matcher matcher_of(lua_State *L) {
  size_t text_size, pattern_size;
  sh_matcher m = {.L = L};
  m.text = luaL_checklstring(L, 1, &text_size);
  m.pattern = luaL_checklstring(L, 2, &pattern_size);
  m.text_end = m.text + text_size;
  m.pattern_end = m.pattern + pattern_size;
  return m;
}

/* Skips the "^" that ties the pattern to the start. */
static bool anchored(sh_matcher *m) {
  bool found = *m->pattern == '^';
  m->pattern += found;
  return found;
}

static bool is_plain(const sh_matcher *m) {
  for (const char *p = m->pattern; p < m->pattern_end; p++)
    if (*p && strchr("^$*+?.([%-", *p)) return false;
  return true;
}

static int find_plain(lua_State *L, const sh_matcher *m, const char *s) {
  size_t size = (size_t)(m->pattern_end - m->pattern);
  const char *at = memmem(s, (size_t)(m->text_end - s), m->pattern, size);
  if (!at) {
    luaL_pushfail(L);
    return 1;
  }
  lua_pushinteger(L, at - m->text + 1);
  lua_pushinteger(L, at - m->text + (lua_Integer)size);
  return 2;
}

static int find_or_match(lua_State *L, bool find) {
  sh_matcher m = matcher_of(L);
  size_t start = start_of(L, 3, (size_t)(m.text_end - m.text));
  if (start > (size_t)(m.text_end - m.text)) {
    luaL_pushfail(L);
    return 1;
  }
  const char *s = m.text + start;
  if (find && (lua_toboolean(L, 4) || is_plain(&m))) return find_plain(L, &m, s);
  bool fixed = anchored(&m);
  const char *end;
  while (!(end = sh_match(&m, s)) && s < m.text_end && !fixed) s++;
  if (!end) {
    luaL_pushfail(L);
    return 1;
  }
  if (!find) return sh_push_captures(&m, s, end, true);
  lua_pushinteger(L, s - m.text + 1);
  lua_pushinteger(L, end - m.text);
  return sh_push_captures(&m, s, end, false) + 2;
}

static int string_find(lua_State *L) { return find_or_match(L, true); }
static int string_match(lua_State *L) { return find_or_match(L, false); }

/* ---- gmatch ---- */

typedef struct walk {
  sh_matcher m;
  const char *next; /* where the next search begins */
  const char *last; /* end of the last match */
} walk;

/* Upvalues: text, pattern (kept from the collector), walk. */
static int next_match(lua_State *L) {
  walk *w = lua_touserdata(L, lua_upvalueindex(3));
  w->m.L = L;
  for (const char *s = w->next; s <= w->m.text_end; s++) {
    const char *end = sh_match(&w->m, s);
    if (!end || end == w->last) continue;
    w->next = w->last = end;
    return sh_push_captures(&w->m, s, end, true);
  }
  w->next = w->m.text_end + 1;
  return 0;
}

static int string_gmatch(lua_State *L) {
  sh_matcher m = matcher_of(L);
  size_t start = start_of(L, 3, (size_t)(m.text_end - m.text));
  lua_settop(L, 2);
  walk *w = lua_newuserdatauv(L, sizeof *w, 0);
  *w = (walk){.m = m, .next = m.text + start};
  lua_pushcclosure(L, next_match, 3);
  return 1;
}

/* ---- gsub ---- */

static void add_position(const sh_matcher *m, luaL_Buffer *out, const char *at) {
  lua_pushinteger(m->L, at - m->text + 1);
  luaL_tolstring(m->L, -1, NULL);
  lua_remove(m->L, -2);
  luaL_addvalue(out);
}

/* Adds the replacement text at argument 3, "%0" … "%9" filled in. */
static void add_text(const sh_matcher *m, luaL_Buffer *out, const char *s, const char *end) {
  size_t n;
  const char *p = lua_tolstring(m->L, 3, &n), *stop = p + n;
  for (const char *mark; (mark = memchr(p, '%', (size_t)(stop - p))); p = mark + 2) {
    luaL_addlstring(out, p, (size_t)(mark - p));
    if (mark[1] == '%') {
      luaL_addchar(out, '%');
    } else if (mark[1] == '0') {
      luaL_addlstring(out, s, (size_t)(end - s));
    } else if (mark[1] >= '1' && mark[1] <= '9') {
      const char *start = s, *stop_at = end;
      if (sh_capture_text(m, mark[1] - '1', &start, &stop_at))
        luaL_addlstring(out, start, (size_t)(stop_at - start));
      else
        add_position(m, out, start);
    } else {
      luaL_error(m->L, "invalid use of '%%' in replacement string");
    }
  }
  luaL_addlstring(out, p, (size_t)(stop - p));
}

/* Adds what a match becomes; false when it stays as it is. */
static bool add_replacement(const sh_matcher *m, luaL_Buffer *out, const char *s, const char *end) {
  lua_State *L = m->L;
  switch (lua_type(L, 3)) {
  case LUA_TFUNCTION:
    lua_pushvalue(L, 3);
    lua_call(L, sh_push_captures(m, s, end, true), 1);
    break;
  case LUA_TTABLE:
    sh_push_capture(m, 0, s, end);
    lua_gettable(L, 3);
    break;
  default:
    add_text(m, out, s, end);
    return true;
  }
  if (!lua_toboolean(L, -1)) {
    lua_pop(L, 1);
    luaL_addlstring(out, s, (size_t)(end - s));
    return false;
  }
  if (!lua_isstring(L, -1)) luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
  luaL_addvalue(out);
  return true;
}

static int string_gsub(lua_State *L) {
  sh_matcher m = matcher_of(L);
  int type = lua_type(L, 3);
  luaL_argexpected(
      L, type == LUA_TNUMBER || type == LUA_TSTRING || type == LUA_TFUNCTION || type == LUA_TTABLE,
      3, "string/function/table");
  lua_Integer most = luaL_optinteger(L, 4, m.text_end - m.text + 1), count = 0;
  bool fixed = anchored(&m), changed = false;
  const char *s = m.text, *last = NULL;
  luaL_Buffer out;
  luaL_buffinit(L, &out);
  while (count < most) {
    const char *end = sh_match(&m, s);
    if (end && end != last) {
      count++;
      changed = add_replacement(&m, &out, s, end) || changed;
      s = last = end;
    } else if (s < m.text_end) {
      luaL_addchar(&out, *s++);
    } else {
      break;
    }
    if (fixed) break;
  }
  if (changed) {
    luaL_addlstring(&out, s, (size_t)(m.text_end - s));
    luaL_pushresult(&out);
  } else {
    lua_pushvalue(L, 1);
  }
  lua_pushinteger(L, count);
  return 2;
}

/* ---- rep ---- */

/* Fills out[have, size) with repetitions of out[0, have). */
static void repeat(lua_State *L, char *out, size_t have, size_t size) {
  size_t unit = have;
  while (have < size) {
    size_t n = have < PIECE ? have : PIECE / unit > 0 ? PIECE / unit * unit : unit;
    if (n > size - have) n = size - have;
    memcpy(out + have, out, n);
    have += n;
    if (sh_interrupted()) luaL_error(L, "interrupted");
  }
}

static int string_rep(lua_State *L) {
  size_t size, separator_size;
  const char *text = luaL_checklstring(L, 1, &size);
  lua_Integer count = luaL_checkinteger(L, 2);
  const char *separator = luaL_optlstring(L, 3, "", &separator_size);
  size_t unit = size + separator_size;
  if (count <= 0 || unit == 0) {
    lua_pushliteral(L, "");
    return 1;
  }
  if (unit < size || unit > (size_t)PTRDIFF_MAX / (size_t)count)
    return luaL_error(L, "resulting string too large");
  size_t total = unit * (size_t)count - separator_size;
  luaL_Buffer out;
  char *to = luaL_buffinitsize(L, &out, total);
  memcpy(to, text, size);
  if (count > 1) {
    memcpy(to + size, separator, separator_size);
    repeat(L, to, unit, total);
  }
  luaL_pushresultsize(&out, total);
  return 1;
}

void sh_strings_open(lua_State *L) {
  static const luaL_Reg functions[] = {{"find", string_find},     {"match", string_match},
                                       {"gmatch", string_gmatch}, {"gsub", string_gsub},
                                       {"rep", string_rep},       {NULL, NULL}};
  lua_getglobal(L, LUA_STRLIBNAME);
  luaL_setfuncs(L, functions, 0);
  lua_pop(L, 1);
}
