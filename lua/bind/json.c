/* json.c: json.decode, read by Jansson: strict, integers stay integers, duplicate keys are refused.
 * (json.encode is lua/lib/json.lua.) */
#include "lua/bind/text.h"

#include <jansson.h>

#define DOCUMENT "gt.json" /* keeps the parsed document alive while Lua may raise */

static int document_gc(lua_State *L) {
  json_t **document = luaL_checkudata(L, 1, DOCUMENT);
  json_decref(*document);
  *document = NULL;
  return 0;
}

/* Pushes v as a Lua value; null becomes the value at index `null`. */
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
      push_value(L, json_array_get(v, i), null);
      lua_rawseti(L, -2, (lua_Integer)i + 1);
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

int gtlua_json_decode(lua_State *L) {
  size_t size;
  const char *text = luaL_checklstring(L, 1, &size);
  lua_settop(L, 2);
  json_t **document = lua_newuserdatauv(L, sizeof *document, 0);
  *document = NULL;
  if (luaL_newmetatable(L, DOCUMENT)) {
    lua_pushcfunction(L, document_gc);
    lua_setfield(L, -2, "__gc");
  }
  lua_setmetatable(L, -2);
  json_error_t error;
  *document =
      json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
  if (!*document)
    return gtlua_error(L, "json: line %d, column %d: %s", error.line, error.column, error.text);
  push_value(L, *document, 2);
  json_decref(*document);
  *document = NULL;
  return 1;
}
