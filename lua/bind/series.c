/* series.c: lists of numbers as lines of text, for the .tsv files next to figures: a million points
 * in a fraction of a second. */
#include "lua/bind/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define MANY 100000 /* values from which on 17 digits do: the shortest text takes several tries */

/* Adds a number that reads back equal. */
static void add_number(luaL_Buffer *text, double x, bool shortest) {
  char *at = luaL_prepbuffsize(text, GT_NUMBER_TEXT);
  if (shortest)
    gt_number_text(x, at);
  else if (fabs(x) < 0x1p53 && x == trunc(x) && !(x == 0 && signbit(x)))
    snprintf(at, GT_NUMBER_TEXT, "%lld.0", (long long)x);
  else
    gtlua_float_text(x, 'g', 17, at, GT_NUMBER_TEXT);
  luaL_addsize(text, strlen(at));
}

static void add_item(lua_State *L, luaL_Buffer *text, int list, lua_Integer i, bool shortest) {
  lua_rawgeti(L, list, i);
  double x = lua_tonumber(L, -1);
  lua_pop(L, 1); /* before the buffer, which may have a place on the stack, is written to */
  add_number(text, x, shortest);
}

/* rows(name, x, y[, error]) -> a line "name x y error" with tabs between for every item of x */
static int series_rows(lua_State *L) {
  enum { NAME = 1, X, ERROR = 4 };
  size_t length;
  const char *name = luaL_checklstring(L, NAME, &length);
  luaL_checktype(L, X, LUA_TTABLE);
  lua_settop(L, ERROR);
  lua_Integer n = (lua_Integer)lua_rawlen(L, X);
  gt_ctx *cx = gtlua_cx(L);
  luaL_Buffer text;
  luaL_buffinit(L, &text);
  for (lua_Integer i = 1; i <= n; i++) {
    luaL_addlstring(&text, name, length);
    for (int list = X; list <= ERROR; list++) {
      luaL_addchar(&text, '\t');
      if (lua_istable(L, list)) add_item(L, &text, list, i, n <= MANY);
    }
    luaL_addchar(&text, '\n');
    gtlua_check(L, gt_poll(cx));
  }
  luaL_pushresult(&text);
  return 1;
}

/* cells(matrix) -> a line of numbers with tabs between for every list in the list */
static int series_cells(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  lua_Integer rows = (lua_Integer)lua_rawlen(L, 1), cells = 0;
  gt_ctx *cx = gtlua_cx(L);
  lua_rawgeti(L, 1, 1); /* index 2: the row that is being written */
  if (lua_istable(L, 2)) cells = rows * (lua_Integer)lua_rawlen(L, 2);
  luaL_Buffer text;
  luaL_buffinit(L, &text);
  for (lua_Integer r = 1; r <= rows; r++) {
    lua_rawgeti(L, 1, r);
    lua_replace(L, 2);
    if (!lua_istable(L, 2))
      return gtlua_error(L, "cells: expected a list of lists, got %s as item %d",
                         gtlua_typename(L, 2), (int)r);
    lua_Integer columns = (lua_Integer)lua_rawlen(L, 2);
    for (lua_Integer i = 1; i <= columns; i++) {
      add_item(L, &text, 2, i, cells <= MANY);
      luaL_addchar(&text, i < columns ? '\t' : '\n');
    }
    gtlua_check(L, gt_poll(cx));
  }
  luaL_pushresult(&text);
  return 1;
}

void gtlua_open_series(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"rows", series_rows}, {"cells", series_cells}, {NULL, NULL}};
  gtlua_native(L, "native.series", functions);
}
