/* complete.c: asks the library for all completions of a word at once and hands them out one by one.
 */
#include "shell/complete.h"
#include "lua/bind/bind.h"
#include "shell/session.h"

#include <lauxlib.h>
#include <lua.h>
#include <string.h>

static const char found_key; /* registry: the completions of the word that was asked for last */

/* (before, word) under lua_pcall. */
static int find(lua_State *L) {
  lua_pushcfunction(L, gtlua_require);
  lua_pushliteral(L, "shell.complete");
  lua_call(L, 1, 1);
  lua_insert(L, 1);
  sh_push_variables(L);
  lua_call(L, 3, 1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &found_key);
  return 0;
}

char *sh_complete(void *data, const char *before, const char *word, int n) {
  lua_State *L = data;
  int top = lua_gettop(L);
  if (n == 0) {
    lua_pushnil(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &found_key);
    lua_pushcfunction(L, find);
    lua_pushstring(L, before);
    lua_pushstring(L, word);
    lua_pcall(L, 2, 0, 0); /* what fails completes nothing */
  }
  char *text = NULL;
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &found_key) == LUA_TTABLE &&
      lua_rawgeti(L, -1, n + 1) == LUA_TSTRING)
    text = strdup(lua_tostring(L, -1));
  lua_settop(L, top);
  return text;
}
