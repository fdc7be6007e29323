/* guard.c: what the debug library must not reach: what C code relies on and cannot check.
 *
 * C code knows an object by its metatable, takes the values in its frames, upvalues and user values
 * for what it put there, and finds its tables in the registry.  Lua code may read and change its
 * own frames and functions as ever.  Every function here replaces the one in upvalue 1. */
#include "lua/bind/text.h"

#include <lualib.h>
#include <string.h>

static bool is_own(lua_State *L, int index) {
  lua_Debug info;
  if (lua_iscfunction(L, index)) return true;
  if (!lua_isfunction(L, index)) return false;
  lua_pushvalue(L, index);
  lua_getinfo(L, ">S", &info);
  return gtlua_is_builtin(info.source);
}

/* ---- userdata and the registry ---- */

static int guard_setmetatable(lua_State *L) {
  if (lua_isuserdata(L, 1))
    return gtlua_error(L,
                       "debug.setmetatable: expected no userdata, got %s: C code knows it by its "
                       "metatable",
                       gtlua_typename(L, 1));
  return gtlua_call_wrapped(L, "'setmetatable'");
}

static int guard_setuservalue(lua_State *L) {
  return gtlua_error(L, "debug.setuservalue: the values in a userdata belong to C code");
}

static int guard_getregistry(lua_State *L) {
  return gtlua_error(L, "debug.getregistry: the registry belongs to C code");
}

/* ---- upvalues ---- */

static int guard_getupvalue(lua_State *L) {
  return lua_iscfunction(L, 1) ? 0 : gtlua_call_wrapped(L, "'getupvalue'");
}

static int guard_setupvalue(lua_State *L) {
  if (is_own(L, 1))
    return gtlua_error(L, "debug.setupvalue: expected a function of yours, got one of the library");
  return gtlua_call_wrapped(L, "'setupvalue'");
}

static int guard_upvaluejoin(lua_State *L) {
  if (is_own(L, 1) || is_own(L, 3))
    return gtlua_error(L, "debug.upvaluejoin: expected functions of yours, got one of the library");
  return gtlua_call_wrapped(L, "'upvaluejoin'");
}

/* ---- frames ---- */

/* Finds the frame at the level in the first argument, or the second after a coroutine; false when
 * there is none.  The level then counts from the function below, for the one in upvalue 1. */
static bool find_frame(lua_State *L, lua_State **of, int *first, lua_Debug *frame) {
  *of = lua_isthread(L, 1) ? lua_tothread(L, 1) : L;
  *first = lua_isthread(L, 1) ? 2 : 1;
  lua_settop(L, *first + 2);
  int whole;
  lua_Integer level = lua_type(L, *first) == LUA_TNUMBER ? lua_tointegerx(L, *first, &whole) : -1;
  if (level < 0 || level >= INT32_MAX) return false;
  bool found = lua_getstack(*of, (int)level, frame);
  if (found) lua_getinfo(*of, "S", frame);
  if (*of == L) {
    lua_pushinteger(L, level + 1);
    lua_replace(L, *first);
  }
  return found;
}

/* The functions of C code that are running are not for others to call. */
static int guard_getinfo(lua_State *L) {
  lua_State *of;
  lua_Debug frame;
  int first;
  bool found = find_frame(L, &of, &first, &frame);
  lua_settop(L, first + 1);
  int results = gtlua_call_wrapped(L, "'getinfo'");
  if (!found || !lua_istable(L, -1)) return results;
  lua_getfield(L, -1, "func");
  bool c = lua_iscfunction(L, -1);
  lua_pop(L, 1);
  if (!c) return results;
  lua_pushnil(L);
  lua_setfield(L, -2, "func");
  return results;
}

static int guard_getlocal(lua_State *L) {
  lua_State *of;
  lua_Debug frame;
  int first;
  bool found = find_frame(L, &of, &first, &frame);
  if (found && *frame.what == 'C') return 0;
  lua_settop(L, first + 1);
  return gtlua_call_wrapped(L, "'getlocal'");
}

static int guard_setlocal(lua_State *L) {
  lua_State *of;
  lua_Debug frame;
  int first;
  bool found = find_frame(L, &of, &first, &frame);
  if (found && (*frame.what == 'C' || gtlua_is_builtin(frame.source)))
    return gtlua_error(L, "debug.setlocal: expected a frame of your code, got one of the library");
  const char *name = NULL;
  if (found && lua_isinteger(L, first + 1) && lua_checkstack(of, 1)) {
    name = lua_getlocal(of, &frame, (int)lua_tointeger(L, first + 1));
    if (name) lua_pop(of, 1);
  }
  if (name && *name == '(' && strcmp(name, "(vararg)") != 0)
    return gtlua_error(L, "debug.setlocal: expected a variable, got Lua's own %s", name);
  return gtlua_call_wrapped(L, "'setlocal'");
}

void gtlua_open_guard(lua_State *L) {
  static const luaL_Reg guards[] = {
      {"setmetatable", guard_setmetatable}, {"setuservalue", guard_setuservalue},
      {"getregistry", guard_getregistry},   {"getupvalue", guard_getupvalue},
      {"setupvalue", guard_setupvalue},     {"upvaluejoin", guard_upvaluejoin},
      {"getinfo", guard_getinfo},           {"getlocal", guard_getlocal},
      {"setlocal", guard_setlocal},         {NULL, NULL}};
  lua_getglobal(L, LUA_DBLIBNAME);
  for (const luaL_Reg *guard = guards; guard->name; guard++) {
    lua_getfield(L, -1, guard->name);
    lua_pushcclosure(L, guard->func, 1);
    lua_setfield(L, -2, guard->name);
  }
  lua_pop(L, 1);
}
