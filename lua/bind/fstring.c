/* fstring.c: f"…{expression:format}…" as a rewrite of Lua source before it is compiled.
 *
 * f"a {x:.2f} b" becomes __f("a ",(x),".2f"," b").  Glued f"…" is legal Lua already (a call of f
 * with a string), so editors and linters accept it; what cannot be rewritten stays such a call, and
 * the function f then says at run time what is wrong.  Line numbers never change. */
#include "lua/bind/tensor.h"
#include "lua/bind/text.h"

#include <ctype.h>
#include <string.h>

/* ---- scanning Lua ---- */

static bool is_name(char c) { return isalnum((unsigned char)c) || c == '_'; }

/* Level of the long bracket at p ("[[" 0, "[=[" 1, …), -1 when there is none. */
static int long_bracket(const char *p, const char *end) {
  const char *q = p + 1;
  if (p == end || *p != '[') return -1;
  while (q < end && *q == '=') q++;
  return q < end && *q == '[' ? (int)(q - p - 1) : -1;
}

/* The end of the long bracket of that level that opens at p. */
static const char *skip_long(const char *p, const char *end, int level) {
  for (p += level + 2; p < end; p++) {
    if (*p != ']') continue;
    const char *q = p + 1;
    while (q < end && *q == '=') q++;
    if (q < end && *q == ']' && q - p - 1 == level) return q + 1;
  }
  return end;
}

static const char *skip_comment(const char *p, const char *end) {
  int level = long_bracket(p + 2, end);
  if (level >= 0) return skip_long(p + 2, end, level);
  const char *line = memchr(p, '\n', (size_t)(end - p));
  return line ? line : end;
}

/* The end of the string whose quote is at p; NULL when it does not end on its line. */
static const char *skip_string(const char *p, const char *end) {
  char quote = *p++;
  for (; p < end && *p != quote; p++) {
    if (*p == '\n') return NULL;
    if (*p != '\\' || p + 1 >= end) continue;
    p++;
    if (*p == 'z')
      while (p + 1 < end && isspace((unsigned char)p[1])) p++;
  }
  return p < end ? p + 1 : NULL;
}

/* ---- one field ---- */

/* A field {expression:format} of an f-string, as written in the source. */
typedef struct field {
  const char *text, *colon, *end; /* colon: the last one outside brackets and strings, or NULL */
} field;

/* Length of the quote at p, counted with its backslash in a string delimited by `quote`; 0 when
 * there is none. */
static int quote_at(const char *p, const char *end, char quote) {
  if (p < end && (*p == '"' || *p == '\'')) return 1;
  return p + 1 < end && *p == '\\' && p[1] == quote ? 2 : 0;
}

/* The end of the string that starts at p inside a field; NULL when it does not end. */
static const char *skip_inner(const char *p, const char *end, char quote) {
  int n = quote_at(p, end, quote);
  char mark = p[n - 1];
  for (p += n; p < end; p++) {
    int m = quote_at(p, end, quote);
    if (m && p[m - 1] == mark) return p + m;
    if (*p == '\\' && p + 1 < end) p++;
  }
  return NULL;
}

/* Reads the field after the brace at p; false when it does not end. */
static bool read_field(const char *p, const char *end, char quote, field *out) {
  *out = (field){.text = p + 1};
  int depth = 0;
  for (p++; p < end;) {
    if (quote_at(p, end, quote)) {
      p = skip_inner(p, end, quote);
      if (!p) return false;
      continue;
    }
    if (*p == '}' && depth == 0) {
      out->end = p;
      return true;
    }
    depth += *p == '(' || *p == '[' || *p == '{';
    depth -= *p == ')' || *p == ']' || *p == '}';
    if (*p == ':' && depth == 0) out->colon = p;
    p++;
  }
  return false;
}

/* Pushes source text with the delimiting quote and line ends unescaped. */
static void push_plain(lua_State *L, const char *p, const char *end, char quote) {
  luaL_Buffer text;
  luaL_buffinit(L, &text);
  for (; p < end; p++) {
    if (*p == '\\' && p + 1 < end && (p[1] == quote || p[1] == '\n')) p++;
    luaL_addchar(&text, *p);
  }
  luaL_pushresult(&text);
}

/* True when the text on top of the stack is one expression. */
static bool compiles(lua_State *L) {
  lua_pushfstring(L, "return (%s\n)", lua_tostring(L, -1));
  size_t size;
  const char *chunk = lua_tolstring(L, -1, &size);
  bool fine = luaL_loadbufferx(L, chunk, size, "=f", "t") == LUA_OK;
  lua_pop(L, 2);
  return fine;
}

/* Whether this is a format; fields inside it ({width}) count as digits. */
static bool format_like(const char *p, const char *end) {
  char spec[64];
  size_t n = 0;
  while (p < end && n + 1 < sizeof spec) {
    if (*p == '{') {
      const char *close = memchr(p, '}', (size_t)(end - p));
      if (!close) return false;
      spec[n++] = '1';
      p = close + 1;
    } else {
      spec[n++] = *p++;
    }
  }
  spec[n] = '\0';
  return p == end && gtlua_is_format(spec);
}

static bool push_call(lua_State *L, const char *p, const char *end, char quote);
static void push_rewritten(lua_State *L, const char *source, size_t size);

/* Pushes the Lua expression for the format text: nil, a string, or a call that builds it. */
static bool push_spec(lua_State *L, const char *p, const char *end, char quote) {
  if (!p) {
    lua_pushliteral(L, "nil");
    return true;
  }
  if (memchr(p, '{', (size_t)(end - p))) return push_call(L, p, end, quote);
  char mark[2] = {quote, '\0'};
  lua_pushstring(L, mark);
  lua_pushlstring(L, p, (size_t)(end - p));
  lua_pushstring(L, mark);
  lua_concat(L, 3);
  return true;
}

/* Pushes ",(expression),format"; false (with nothing pushed) when the field is not an expression.
 */
static bool push_field(lua_State *L, const field *f, char quote) {
  const char *spec = f->colon && format_like(f->colon + 1, f->end) ? f->colon + 1 : NULL;
  push_plain(L, f->text, spec ? f->colon : f->end, quote);
  if (!compiles(L)) {
    lua_pop(L, 1);
    if (!spec) return false;
    spec = NULL;
    push_plain(L, f->text, f->end, quote);
    if (!compiles(L)) {
      lua_pop(L, 1);
      return false;
    }
  }
  size_t size;
  const char *expression = lua_tolstring(L, -1, &size);
  lua_pushliteral(L, ",(");
  push_rewritten(L, expression, size);
  lua_pushliteral(L, "),");
  if (!push_spec(L, spec, f->end, quote)) {
    lua_pop(L, 4);
    return false;
  }
  lua_concat(L, 4);
  lua_remove(L, -2);
  return true;
}

/* ---- one f-string ---- */

/* Adds the literal text from p to the next field or the end; NULL when a brace has no partner. */
static const char *add_literal(luaL_Buffer *out, const char *p, const char *end) {
  while (p < end) {
    if (*p == '\\' && p + 1 < end) {
      bool code_point = p[1] == 'u' && p + 2 < end && p[2] == '{';
      const char *close = code_point ? memchr(p, '}', (size_t)(end - p)) : p + 1;
      if (!close) return NULL;
      luaL_addlstring(out, p, (size_t)(close + 1 - p));
      p = close + 1;
    } else if (*p == '{' || *p == '}') {
      if (p + 1 >= end || p[1] != *p) return *p == '{' ? p : NULL;
      luaL_addchar(out, *p);
      p += 2;
    } else {
      luaL_addchar(out, *p++);
    }
  }
  return p;
}

/* Pushes the call for the content p…end of an f-string; false (with nothing pushed) when it has an
 * error. */
static bool push_call(lua_State *L, const char *p, const char *end, char quote) {
  int top = lua_gettop(L);
  luaL_Buffer out;
  luaL_buffinit(L, &out);
  luaL_addstring(&out, "__f(");
  for (;;) {
    luaL_addchar(&out, quote);
    p = add_literal(&out, p, end);
    luaL_addchar(&out, quote);
    if (!p || p == end) break;
    field f;
    if (!read_field(p, end, quote, &f) || !push_field(L, &f, quote)) {
      p = NULL;
      break;
    }
    luaL_addvalue(&out);
    luaL_addchar(&out, ',');
    p = f.end + 1;
  }
  luaL_addchar(&out, ')');
  luaL_pushresult(&out);
  if (!p) lua_settop(L, top);
  return p != NULL;
}

/* ---- whole chunks ---- */

/* True for the last significant character before a glued f"…": not a field or method name. */
static bool may_start(const char *source, const char *p) {
  while (p > source && (p[-1] == ' ' || p[-1] == '\t')) p--;
  if (p == source) return true;
  bool twice = p - source > 1 && p[-2] == p[-1];
  return (p[-1] != '.' && p[-1] != ':') || twice;
}

static void push_rewritten(lua_State *L, const char *source, size_t size) {
  const char *end = source + size, *p = source, *copied = source;
  luaL_Buffer out;
  luaL_buffinit(L, &out);
  for (size_t token = 0; p < end; token++) {
    const char *start = p;
    int level;
    GTLUA_POLL(L, token);
    if (*p == '-' && p + 1 < end && p[1] == '-') {
      p = skip_comment(p, end);
    } else if ((level = long_bracket(p, end)) >= 0) {
      p = skip_long(p, end, level);
    } else if (*p == '"' || *p == '\'') {
      p = skip_string(p, end);
      if (!p) break; /* the compiler reports it */
    } else if (is_name(*p)) {
      while (p < end && is_name(*p)) p++;
      bool glued = p - start == 1 && *start == 'f' && p < end && (*p == '"' || *p == '\'');
      if (!glued || !may_start(source, start)) continue;
      const char *after = skip_string(p, end);
      if (!after) break;
      if (push_call(L, p + 1, after - 1, *p)) {
        lua_pushlstring(L, copied, (size_t)(start - copied));
        lua_insert(L, -2);
        lua_concat(L, 2);
        luaL_addvalue(&out);
        copied = after;
      }
      p = after;
    } else {
      p++;
    }
  }
  luaL_addlstring(&out, copied, (size_t)(end - copied));
  luaL_pushresult(&out);
}

void gtlua_rewrite(lua_State *L, const char *source, size_t size) {
  if (memmem(source, size, "f\"", 2) || memmem(source, size, "f'", 2))
    push_rewritten(L, source, size);
  else
    lua_pushlstring(L, source, size);
}

/* ---- run time ---- */

/* __f(text, value, format, text, …): what a rewritten f-string calls. */
static int fstring_call(lua_State *L) {
  int n = lua_gettop(L);
  luaL_checkstack(L, n + 4, "f-string");
  for (int i = 1; i <= n; i += 3) {
    lua_pushvalue(L, i);
    if (i + 2 > n) break;
    const char *spec = lua_tostring(L, i + 2);
    gtlua_push_formatted(L, i + 1, spec ? spec : "");
  }
  lua_concat(L, lua_gettop(L) - n);
  return 1;
}

/* rewrite(source) -> source */
int gtlua_fstring_rewrite(lua_State *L) {
  size_t size;
  const char *source = luaL_checklstring(L, 1, &size);
  gtlua_rewrite(L, source, size);
  return 1;
}

void gtlua_open_fstring(lua_State *L) {
  lua_register(L, "__f", fstring_call);
  gtlua_pushlate(L, "base.fstring", "late");
  lua_setglobal(L, "f");
}
