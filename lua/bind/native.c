/* native.c: require "native": what every room of the embedded Lua library needs of C. */
#include "core/tensor/rng.h"
#include "lua/bind/signature.h"
#include "lua/bind/tensor.h"
#include "lua/bind/text.h"

#include <string.h>

/* native.suggest(wrong, names) -> " (did you mean 'x'?)" or "" */
static int suggest(lua_State *L) {
  enum { MOST = 400 };
  const char *names[MOST + 1];
  const char *wrong = luaL_checkstring(L, 1);
  int n = gtlua_list_length(L, 2, "a list of names"), count = 0;
  luaL_checkstack(L, n < MOST ? n + 1 : MOST + 1, "suggest");
  for (int i = 1; i <= n && count < MOST; i++)
    if (lua_rawgeti(L, 2, i) == LUA_TSTRING) names[count++] = lua_tostring(L, -1);
  names[count] = NULL;
  char hint[96];
  lua_pushstring(L, gtlua_suggest(wrong, names, hint));
  return 1;
}

/* native.number(x) -> shortest text of a float */
static int number(lua_State *L) {
  char text[GT_NUMBER_TEXT];
  lua_pushstring(L, gt_number_text(luaL_checknumber(L, 1), text));
  return 1;
}

/* native.raise(message): an error at the place of the user's code */
static int raise_error(lua_State *L) { return gtlua_error(L, "%s", luaL_checkstring(L, 1)); }

/* native.source(name) -> text of the embedded module, or nil */
static int source(lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  for (const gtlua_lib *lib = gtlua_libs; lib->name; lib++) {
    if (strcmp(lib->name, name) != 0) continue;
    lua_pushlstring(L, lib->data, lib->size);
    return 1;
  }
  return 0;
}

/* native.sources() -> names of all embedded modules */
static int sources(lua_State *L) {
  lua_newtable(L);
  for (lua_Integer i = 0; gtlua_libs[i].name; i++) {
    lua_pushstring(L, gtlua_libs[i].name);
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

/* native.meta(value, event) -> what its metatable has of that name, whoever hides or guards it;
 * runs nothing of the user's */
static int meta(lua_State *L) {
  luaL_checkany(L, 1);
  return luaL_getmetafield(L, 1, luaL_checkstring(L, 2)) != LUA_TNIL;
}

/* native.random_stream() -> seed, the next unused stream */
static int random_stream(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)gtlua_cx(L)->seed);
  lua_pushinteger(L, (lua_Integer)gt_rng_stream(gtlua_cx(L)));
  return 2;
}

/* native.got(value): what came where a tensor was meant, for messages. */
static int got(lua_State *L) {
  lua_pushstring(L, gtlua_got(L, 1));
  return 1;
}

/* native.check_list(table, what): raises unless it is a list without gaps; it may have names.
 */
static int check_list(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  gtlua_check_list(L, 1, luaL_checkstring(L, 2), true);
  return 0;
}

static const luaL_Reg functions[] = {{"suggest", suggest},
                                     {"number", number},
                                     {"raise", raise_error},
                                     {"check_list", check_list},
                                     {"got", got},
                                     {"describe", gtlua_describe_op},
                                     {"rewrite", gtlua_fstring_rewrite},
                                     {"json_decode", gtlua_json_decode},
                                     {"json_quote", gtlua_json_quote},
                                     {"visible", gtlua_visible},
                                     {"late", gtlua_late},
                                     {"lazy", gtlua_lazy_globals},
                                     {"originals", gtlua_originals},
                                     {"meta", meta},
                                     {"signature", gtlua_signature},
                                     {"sign", gtlua_sign_all},
                                     {"signature_of", gtlua_signature_of},
                                     {"parameters_of", gtlua_parameters_of},
                                     {"source", source},
                                     {"sources", sources},
                                     {"random_stream", random_stream},
                                     {NULL, NULL}};

void gtlua_open_native(lua_State *L) { gtlua_native(L, "native", functions); }
