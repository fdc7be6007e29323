/* json.c: json.decode, read by Jansson: strict, integers stay integers, duplicate keys are refused.
 * json.encode is lua/lib/base/json.lua; only its strings are written here. */
#include "lua/bind/text.h"

#include <jansson.h>
#include <string.h>

#define DOCUMENT "gt.json" /* keeps the parsed document alive while Lua may raise */

static int document_gc(lua_State *L) {
  json_t **document = luaL_checkudata(L, 1, DOCUMENT);
  json_decref(*document);
  *document = NULL;
  return 0;
}

/* Pushes v as a Lua value; null becomes the value at index `null`, an empty array a table with the
 * metatable at the index after it: an empty table would be written as an object. */
static void push_value(lua_State *L, const json_t *v, int null) {
  luaL_checkstack(L, 4, "json");
  switch (json_typeof(v)) {
  case JSON_OBJECT: {
    const char *key;
    json_t *item;
    lua_createtable(L, 0, (int)json_object_size(v));
    json_object_foreach((json_t *)v, key, item) {
      push_value(L, item, null);
      lua_setfield(L, -2, key);
    }
    break;
  }
  case JSON_ARRAY:
    lua_createtable(L, (int)json_array_size(v), 0);
    for (size_t i = 0; i < json_array_size(v); i++) {
      GTLUA_POLL(L, i);
      push_value(L, json_array_get(v, i), null);
      lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    if (json_array_size(v) == 0) {
      lua_pushvalue(L, null + 1);
      lua_setmetatable(L, -2);
    }
    break;
  case JSON_STRING:
    lua_pushlstring(L, json_string_value(v), json_string_length(v));
    break;
  case JSON_INTEGER:
    lua_pushinteger(L, json_integer_value(v));
    break;
  case JSON_REAL:
    lua_pushnumber(L, json_real_value(v));
    break;
  case JSON_TRUE:
    lua_pushboolean(L, 1);
    break;
  case JSON_FALSE:
    lua_pushboolean(L, 0);
    break;
  case JSON_NULL:
    lua_pushvalue(L, null);
    break;
  }
}

/* The text that Jansson reads, in pieces: between two of them Ctrl-C ends it. */
typedef struct source {
  gt_ctx *cx;
  const char *at;
  size_t left;
} source;

static size_t next_piece(void *buffer, size_t room, void *data) {
  source *s = data;
  size_t n = s->left < room ? s->left : room;
  if (gt_stopped(s->cx)) return (size_t)-1;
  memcpy(buffer, s->at, n);
  s->at += n;
  s->left -= n;
  return n;
}

int gtlua_json_decode(lua_State *L) {
  source text = {.cx = gtlua_cx(L)};
  text.at = luaL_checklstring(L, 1, &text.left);
  luaL_checktype(L, 3, LUA_TTABLE); /* the metatable of arrays */
  lua_settop(L, 3);
  json_t **document = lua_newuserdatauv(L, sizeof *document, 0);
  *document = NULL;
  if (luaL_newmetatable(L, DOCUMENT)) {
    lua_pushcfunction(L, document_gc);
    lua_setfield(L, -2, "__gc");
  }
  lua_setmetatable(L, -2);
  json_error_t error;
  *document = json_load_callback(next_piece, &text,
                                 JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
  gtlua_poll(L);
  if (!*document)
    return gtlua_error(L, "json: line %d, column %d: %s", error.line, error.column, error.text);
  push_value(L, *document, 2);
  json_decref(*document);
  *document = NULL;
  return 1;
}

/* ---- writing ---- */

/* The letter after the backslash, 'u' for characters that have none, 0 for those written as they
 * are. */
static char escape_of(unsigned char c) {
  switch (c) {
  case '"':
  case '\\':
    return (char)c;
  case '\b':
    return 'b';
  case '\f':
    return 'f';
  case '\n':
    return 'n';
  case '\r':
    return 'r';
  case '\t':
    return 't';
  default:
    return c < 32 || c == 127 ? 'u' : 0;
  }
}

static char *put_escaped(char *to, unsigned char c) {
  static const char digits[] = "0123456789abcdef";
  char letter = escape_of(c);
  if (letter) *to++ = '\\';
  *to++ = letter ? letter : (char)c;
  if (letter != 'u') return to;
  *to++ = '0';
  *to++ = '0';
  *to++ = digits[c >> 4];
  *to++ = digits[c & 15];
  return to;
}

int gtlua_json_quote(lua_State *L) {
  size_t n, size = 2;
  const unsigned char *text = (const unsigned char *)luaL_checklstring(L, 1, &n);
  lua_Integer most = luaL_checkinteger(L, 2);
  for (size_t i = 0; i < n; i++) {
    char letter = escape_of(text[i]);
    GTLUA_POLL(L, i);
    size += letter == 'u' ? 6 : letter ? 2 : 1;
    if ((lua_Integer)size > most) return 0;
  }
  luaL_Buffer out;
  char *to = luaL_buffinitsize(L, &out, size);
  *to++ = '"';
  for (size_t i = 0; i < n; i++) {
    GTLUA_POLL(L, i);
    to = put_escaped(to, text[i]);
  }
  *to = '"';
  luaL_pushresultsize(&out, size);
  return 1;
}
