/* tables.c: sort and move of long tables: Lua's own, with a comparator that sees Ctrl-C (it takes
 * twice the time of the one that Lua builds in), and in pieces.  Short tables are done within
 * 200 ms: they go to Lua's functions as they are. */
#include "shell/interrupt.h"
#include "shell/library.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdbool.h>

#define SHORT (1 << 17) /* items: sorted in 50 ms if numbers, in 150 ms if strings */

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

/* Calls Lua's move(a1, f, e, t, a2) for the `n` items that begin `done` after the first. */
static void move_piece(lua_State *L, lua_Integer f, lua_Integer t, lua_Integer done,
                       lua_Integer n) {
  if (sh_interrupted()) luaL_error(L, "interrupted");
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_pushvalue(L, 1);
  lua_pushinteger(L, f + done);
  lua_pushinteger(L, f + done + n - 1);
  lua_pushinteger(L, t + done);
  lua_pushvalue(L, 5);
  lua_call(L, 5, 0);
}

/* table.move(a1, f, e, t[, a2]) in pieces, the last one first where a later target would be read
 * after it is written.  What Lua refuses is left to Lua.  Upvalue: Lua's own. */
static int table_move(lua_State *L) {
  int whole[3];
  lua_Integer f = lua_tointegerx(L, 2, &whole[0]), e = lua_tointegerx(L, 3, &whole[1]);
  lua_Integer t = lua_tointegerx(L, 4, &whole[2]), n;
  bool tables = lua_istable(L, 1) && (lua_isnoneornil(L, 5) || lua_istable(L, 5));
  if (!tables || !whole[0] || !whole[1] || !whole[2] || __builtin_sub_overflow(e, f, &n) ||
      n < SHORT || n == LUA_MAXINTEGER || t > LUA_MAXINTEGER - n)
    return lua_tocfunction(L, lua_upvalueindex(1))(L);
  n++;
  lua_settop(L, 5);
  if (lua_isnil(L, 5)) lua_pushvalue(L, 1), lua_replace(L, 5);
  bool forward = t > e || t <= f || !lua_compare(L, 1, 5, LUA_OPEQ);
  for (lua_Integer done = 0, piece; done < n; done += piece) {
    piece = n - done < SHORT ? n - done : SHORT;
    move_piece(L, f, t, forward ? done : n - done - piece, piece);
  }
  return 1;
}

static void replace(lua_State *L, const char *name, lua_CFunction function) {
  lua_getfield(L, -1, name);
  lua_pushcclosure(L, function, 1);
  lua_setfield(L, -2, name);
}

void sh_tables_open(lua_State *L) {
  lua_getglobal(L, LUA_TABLIBNAME);
  replace(L, "sort", table_sort);
  replace(L, "move", table_move);
  lua_pop(L, 1);
}
