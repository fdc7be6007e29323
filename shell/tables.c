/* tables.c: sort, move, insert and remove of long tables: Lua's own, with a comparator that sees
 * Ctrl-C (it takes twice the time of the one that Lua builds in), and in pieces.  Short tables are
 * done within 200 ms: they go to Lua's functions as they are.  How long a table is, is what its
 * __len says.  concat looks at every item. */
#include "shell/interrupt.h"
#include "shell/library.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdbool.h>

#define SHORT (1 << 17) /* items: sorted in 50 ms if numbers, in 150 ms if strings */

/* Upvalue: a comparator in C; nil: <. */
static int less(lua_State *L) {
  if (sh_interrupted()) return luaL_error(L, "interrupted");
  if (lua_isnil(L, lua_upvalueindex(1))) {
    lua_pushboolean(L, lua_compare(L, 1, 2, LUA_OPLT));
  } else {
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, 2, 1);
  }
  return 1;
}

/* Upvalue: Lua's own. */
static int table_sort(lua_State *L) {
  bool no_hook = lua_isnoneornil(L, 2) || lua_iscfunction(L, 2);
  if (lua_istable(L, 1) && no_hook && luaL_len(L, 1) > SHORT) {
    lua_settop(L, 2);
    lua_pushcclosure(L, less, 1);
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

/* Moves the items from `f` to the end, `e`, of the table at 1 to `t`, by table.move of above. */
static void shift(lua_State *L, lua_Integer f, lua_Integer e, lua_Integer t) {
  lua_pushvalue(L, lua_upvalueindex(2));
  lua_pushvalue(L, 1);
  lua_pushinteger(L, f);
  lua_pushinteger(L, e);
  lua_pushinteger(L, t);
  lua_call(L, 4, 0);
}

/* True when the table at 1 has more than SHORT items from the place at 2 on.  What Lua refuses has
 * not. */
static bool long_from(lua_State *L, lua_Integer *place, lua_Integer *length) {
  int whole;
  *place = lua_tointegerx(L, 2, &whole);
  if (!lua_istable(L, 1) || !whole || *place < 1) return false;
  *length = luaL_len(L, 1);
  return *length - *place > SHORT && *length < LUA_MAXINTEGER;
}

/* table.insert(list, place, value).  Upvalues: Lua's own, table.move. */
static int table_insert(lua_State *L) {
  lua_Integer place, length;
  if (lua_gettop(L) != 3 || !long_from(L, &place, &length))
    return lua_tocfunction(L, lua_upvalueindex(1))(L);
  shift(L, place, length, place + 1);
  lua_seti(L, 1, place);
  return 0;
}

/* table.remove(list, place).  Upvalues: the same. */
static int table_remove(lua_State *L) {
  lua_Integer place, length;
  if (!long_from(L, &place, &length)) return lua_tocfunction(L, lua_upvalueindex(1))(L);
  lua_geti(L, 1, place);
  shift(L, place + 1, length, place);
  lua_pushnil(L);
  lua_seti(L, 1, length);
  return 1;
}

/* table.concat(list[, between[, first[, last]]]).  Upvalue: Lua's own, for what is no table. */
static int table_concat(lua_State *L) {
  size_t size;
  luaL_Buffer joined;
  if (!lua_istable(L, 1)) return lua_tocfunction(L, lua_upvalueindex(1))(L);
  lua_Integer last = luaL_len(L, 1);
  const char *between = luaL_optlstring(L, 2, "", &size);
  lua_Integer first = luaL_optinteger(L, 3, 1);
  last = luaL_optinteger(L, 4, last);
  luaL_buffinit(L, &joined);
  for (lua_Integer i = first; i <= last; i++) {
    if (sh_interrupted()) return luaL_error(L, "interrupted");
    lua_geti(L, 1, i);
    if (!lua_isstring(L, -1))
      return luaL_error(L, "invalid value (%s) at index %I in table for 'concat'",
                        luaL_typename(L, -1), (LUAI_UACINT)i);
    luaL_addvalue(&joined);
    if (i == last) break; /* which may be the greatest number */
    luaL_addlstring(&joined, between, size);
  }
  luaL_pushresult(&joined);
  return 1;
}

/* Puts the function in place of Lua's of that name. */
static void replace(lua_State *L, const char *name, lua_CFunction function) {
  lua_getfield(L, -1, name);
  lua_getfield(L, -2, "move");
  lua_pushcclosure(L, function, 2);
  lua_setfield(L, -2, name);
}

void sh_tables_open(lua_State *L) {
  lua_getglobal(L, LUA_TABLIBNAME);
  replace(L, "sort", table_sort);
  replace(L, "concat", table_concat);
  replace(L, "move", table_move); /* before those that use it */
  replace(L, "insert", table_insert);
  replace(L, "remove", table_remove);
  lua_pop(L, 1);
}
