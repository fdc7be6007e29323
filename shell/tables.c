/* tables.c: table.sort of long tables: Lua's own, with a comparator that sees Ctrl-C.  It takes
 * twice the time of the one that Lua builds in, so that short tables, which are done within 200 ms,
 * are sorted without. */
#include "shell/interrupt.h"
#include "shell/library.h"

#include <lauxlib.h>
#include <lualib.h>

#define SHORT (1 << 17) /* items: 50 ms for numbers, 150 ms for strings */

static int less(lua_State *L) {
  if (sh_interrupted()) return luaL_error(L, "interrupted");
  lua_pushboolean(L, lua_compare(L, 1, 2, LUA_OPLT));
  return 1;
}

/* Upvalue: Lua's own. */
static int table_sort(lua_State *L) {
  if (lua_istable(L, 1) && lua_isnoneornil(L, 2) && luaL_len(L, 1) > SHORT) {
    lua_settop(L, 1);
    lua_pushcfunction(L, less);
  }
  return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

void sh_tables_open(lua_State *L) {
  lua_getglobal(L, LUA_TABLIBNAME);
  lua_getfield(L, -1, "sort");
  lua_pushcclosure(L, table_sort, 1);
  lua_setfield(L, -2, "sort");
  lua_pop(L, 1);
}
