/* tables.c: table.sort without a comparator.  With one, Lua's own does it: that calls back into
 * Lua, where Ctrl-C is seen. */
#include "shell/interrupt.h"
#include "shell/library.h"

#include <lauxlib.h>
#include <limits.h>
#include <lualib.h>

static bool less(lua_State *L, int a, int b) {
  if (sh_interrupted()) luaL_error(L, "interrupted");
  return lua_compare(L, a, b, LUA_OPLT);
}

/* Pushes the median of three elements of [low, high]. */
static void push_pivot(lua_State *L, lua_Integer low, lua_Integer high) {
  lua_Integer quarter = (high - low) / 4;
  int a = lua_gettop(L) + 1, b = a + 1, c = a + 2;
  lua_geti(L, 1, low + quarter);
  lua_geti(L, 1, low + 2 * quarter);
  lua_geti(L, 1, high - quarter);
  bool ab = less(L, a, b), bc = less(L, b, c);
  int median = ab == bc ? b : less(L, a, c) == ab ? c : a;
  lua_copy(L, median, a);
  lua_settop(L, a);
}

/* Parts [low, high] by the pivot on top of the stack (popped): all of [low, *left] <= all of
 * [*right, high].  Elements only ever change places: an interrupt leaves none out. */
static void part(lua_State *L, lua_Integer low, lua_Integer high, lua_Integer *left,
                 lua_Integer *right) {
  lua_Integer i = low, j = high;
  int pivot = lua_gettop(L), at_i = pivot + 1, at_j = pivot + 2;
  while (i <= j) {
    for (; lua_geti(L, 1, i), less(L, at_i, pivot); lua_pop(L, 1))
      if (++i > high) luaL_error(L, "invalid order function for sorting");
    for (; lua_geti(L, 1, j), less(L, pivot, at_j); lua_pop(L, 1))
      if (--j < low) luaL_error(L, "invalid order function for sorting");
    if (i <= j) {
      lua_seti(L, 1, i++);
      lua_seti(L, 1, j--);
    }
    lua_settop(L, pivot);
  }
  lua_settop(L, pivot - 1);
  *left = j;
  *right = i;
}

/* Quicksort; the longer part goes on in the loop, so that it nests at most log2(n) deep. */
static void sort(lua_State *L, lua_Integer low, lua_Integer high) {
  while (low < high) {
    lua_Integer left, right;
    push_pivot(L, low, high);
    part(L, low, high, &left, &right);
    if (left - low < high - right) {
      sort(L, low, left);
      low = right;
    } else {
      sort(L, right, high);
      high = left;
    }
  }
}

static int table_sort(lua_State *L) {
  lua_Integer n = lua_istable(L, 1) ? luaL_len(L, 1) : 0;
  if (!lua_istable(L, 1) || !lua_isnoneornil(L, 2) || n >= INT_MAX)
    return lua_tocfunction(L, lua_upvalueindex(1))(L);
  lua_settop(L, 1);
  luaL_checkstack(L, 8, "table.sort");
  sort(L, 1, n);
  return 0;
}

void sh_tables_open(lua_State *L) {
  lua_getglobal(L, LUA_TABLIBNAME);
  lua_getfield(L, -1, "sort"); /* Lua's own becomes the upvalue of the new one */
  lua_pushcclosure(L, table_sort, 1);
  lua_setfield(L, -2, "sort");
  lua_pop(L, 1);
}
