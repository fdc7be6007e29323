/* own.c: what the embedded library has for itself, so that nothing the user calls `table`, sets to
 * nil or replaces breaks it: its globals, the tables of Lua's libraries, its modules, the methods
 * of strings. */
#include "lua/bind/text.h"

#include <lualib.h>
#include <string.h>

#define MODULES "gt.library" /* registry: name -> module, of the library's own */

static const char globals_key;   /* registry: the globals of the library */
static const char originals_key; /* registry: the user's globals as they were at the start */
static const char lazy_key;      /* registry: global name -> the module that has it */
static const char strings_key;   /* registry: the metatable of strings */
static const char shown_key;     /* registry: what getmetatable("") answers in its place */

/* ---- modules ---- */

void gtlua_provide(lua_State *L, const char *name) {
  luaL_getsubtable(L, LUA_REGISTRYINDEX, MODULES);
  lua_insert(L, -2);
  lua_setfield(L, -2, name);
  lua_pop(L, 1);
}

void gtlua_native(lua_State *L, const char *name, const luaL_Reg *functions) {
  lua_newtable(L);
  luaL_setfuncs(L, functions, 0);
  gtlua_provide(L, name);
}

/* Loads the embedded module `name`; false (and nothing pushed) when there is none. */
static bool load_builtin(lua_State *L, const char *name) {
  for (const gtlua_lib *lib = gtlua_libs; lib->name; lib++) {
    if (strcmp(lib->name, name) != 0) continue;
    const char *chunk = lua_pushfstring(L, GTLUA_BUILTIN "%s", name);
    gtlua_rewrite(L, lib->data, lib->size);
    if (luaL_loadbufferx(L, lua_tostring(L, -1), lua_rawlen(L, -1), chunk, "t") != LUA_OK)
      lua_error(L);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &globals_key);
    lua_setupvalue(L, -2, 1); /* _ENV */
    lua_replace(L, -3);       /* the chunk's name */
    lua_pop(L, 1);
    return true;
  }
  return false;
}

/* Pushes the module, running it when it is not loaded yet; false (and nothing) when there is none.
 */
static bool push_module(lua_State *L, const char *name) {
  luaL_getsubtable(L, LUA_REGISTRYINDEX, MODULES);
  if (lua_getfield(L, -1, name) == LUA_TNIL) {
    lua_pop(L, 1);
    if (!load_builtin(L, name)) {
      lua_pop(L, 1);
      return false;
    }
    lua_pushstring(L, name);
    lua_call(L, 1, 1);
    lua_pushvalue(L, -1);
    lua_setfield(L, -3, name);
  }
  lua_remove(L, -2);
  return true;
}

int gtlua_require(lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  if (!push_module(L, name)) return gtlua_error(L, "the library lacks its module '%s'", name);
  return 1;
}

/* A searcher for require(), ahead of the file system so that nothing can shadow the library. */
static int search_builtin(lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, MODULES);
  bool known = lua_getfield(L, -1, name) != LUA_TNIL || load_builtin(L, name);
  if (!known) return 0;
  lua_pushcfunction(L, gtlua_require);
  return 1;
}

void gtlua_open_searcher(lua_State *L) {
  lua_getglobal(L, LUA_LOADLIBNAME);
  lua_getfield(L, -1, "searchers");
  for (lua_Integer i = luaL_len(L, -1); i >= 2; i--) {
    lua_geti(L, -1, i);
    lua_seti(L, -2, i + 1);
  }
  lua_pushcfunction(L, search_builtin);
  lua_seti(L, -2, 2);
  lua_pop(L, 2);
}

/* ---- globals ---- */

/* Pushes a copy of the table at `index`, without its metatable. */
static void push_copy(lua_State *L, int index) {
  index = lua_absindex(L, index);
  lua_newtable(L);
  for (lua_pushnil(L); lua_next(L, index);) {
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, -4);
  }
}

/* The library's print: it prints no control characters, and by the user's print, so that who
 * replaces that gets what the library prints, too.  Upvalue: Lua's print. */
static int library_print(lua_State *L) {
  int count = lua_gettop(L);
  for (int i = 1; i <= count; i++) {
    gtlua_push_text(L, i);
    lua_replace(L, i);
    gtlua_make_visible(L, i);
  }
  lua_pushglobaltable(L);
  lua_pushliteral(L, "print");
  lua_rawget(L, -2);
  if (!lua_isfunction(L, -1) && luaL_getmetafield(L, -1, "__call") == LUA_TNIL)
    lua_pushvalue(L, lua_upvalueindex(1));
  else
    lua_settop(L, count + 2);
  lua_insert(L, 1);
  lua_settop(L, count + 1);
  lua_call(L, count, 0);
  return 0;
}

/* __index of the library's globals: what is lazy, then what the user has.  Upvalue: __index of _G.
 */
static int library_index(lua_State *L) {
  lua_settop(L, 2);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_pushvalue(L, 1);
  lua_pushvalue(L, 2);
  lua_call(L, 2, 1);
  if (!lua_isnil(L, -1)) return 1;
  lua_pushglobaltable(L);
  lua_pushvalue(L, 2);
  lua_rawget(L, -2);
  return 1;
}

/* Puts copies of the tables of Lua's libraries into the library's globals on top of the stack. */
static void copy_libraries(lua_State *L) {
  static const char *const names[] = {LUA_STRLIBNAME,  LUA_TABLIBNAME, LUA_MATHLIBNAME,
                                      LUA_IOLIBNAME,   LUA_OSLIBNAME,  LUA_DBLIBNAME,
                                      LUA_UTF8LIBNAME, LUA_COLIBNAME,  LUA_LOADLIBNAME};
  for (int i = 0; i < GT_COUNT(names); i++) {
    lua_getfield(L, -1, names[i]);
    push_copy(L, -1);
    lua_setfield(L, -3, names[i]);
    lua_pop(L, 1);
  }
  lua_getfield(L, -1, LUA_LOADLIBNAME);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, MODULES);
  lua_setfield(L, -2, "loaded");
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_setfield(L, -2, "users");
  lua_pop(L, 1);
  lua_getfield(L, -1, "torch");
  push_copy(L, -1);
  lua_getmetatable(L, -2);
  lua_setmetatable(L, -2);
  lua_setfield(L, -3, "torch");
  lua_pop(L, 1);
}

static void keep_globals(lua_State *L) {
  lua_pushglobaltable(L);
  push_copy(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &originals_key);
  push_copy(L, -1);
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &globals_key);
  copy_libraries(L);
  lua_pushcfunction(L, gtlua_require);
  lua_setfield(L, -2, "require");
  lua_createtable(L, 0, 2);
  luaL_getmetafield(L, -3, "__index");
  lua_pushcclosure(L, library_index, 1);
  lua_setfield(L, -2, "__index");
  lua_pushvalue(L, -3);
  lua_setfield(L, -2, "__newindex");
  lua_setmetatable(L, -2);
  lua_getfield(L, -1, "print");
  lua_pushcclosure(L, library_print, 1);
  lua_setfield(L, -2, "print");
  luaL_getmetafield(L, -2, "lazy");
  lua_rawsetp(L, LUA_REGISTRYINDEX, &lazy_key);
  lua_pop(L, 2);
}

int gtlua_originals(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &originals_key);
  return 1;
}

int gtlua_lazy_globals(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &lazy_key);
  return 1;
}

/* Gives _G, at 1, all lazy globals that are not in it. */
static void fetch_lazy(lua_State *L) {
  int top = lua_gettop(L), own = top + 1, lazy = top + 2;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &globals_key);
  gtlua_lazy_globals(L);
  for (lua_pushnil(L); lua_next(L, lazy); lua_pop(L, 1)) {
    lua_pushvalue(L, -2);
    if (lua_rawget(L, 1) == LUA_TNIL) {
      lua_pushvalue(L, -3);
      lua_pushvalue(L, -1);
      lua_gettable(L, own);
      lua_rawset(L, 1);
    }
    lua_pop(L, 1);
  }
  lua_settop(L, top);
}

/* setmetatable, debug.setmetatable: calls the one before, upvalue 1.  Lazy globals come from the
 * metatable of _G: before it goes they all become plain ones. */
static int change_metatable(lua_State *L) {
  int count = lua_gettop(L), type = lua_type(L, 2);
  luaL_argexpected(L, type == LUA_TNIL || type == LUA_TTABLE, 2, "nil or table");
  lua_pushglobaltable(L);
  if (lua_rawequal(L, 1, -1)) fetch_lazy(L);
  lua_settop(L, count);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  lua_call(L, count, 1);
  return 1;
}

static int own_setmetatable(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  return change_metatable(L);
}

/* ---- strings ---- */

bool gtlua_from_library(lua_State *L) {
  lua_Debug caller;
  return lua_getstack(L, 1, &caller) && lua_getinfo(L, "S", &caller) &&
         strncmp(caller.source, GTLUA_BUILTIN, strlen(GTLUA_BUILTIN)) == 0;
}

/* __index of strings: the library finds Lua's own methods, the user what is in `string`, or in the
 * place of that.  Upvalues: Lua's own methods, {what the user has as __index}. */
static int string_index(lua_State *L) {
  lua_settop(L, 2);
  lua_pushvalue(L, 2);
  bool own = lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL;
  int type = lua_rawgeti(L, lua_upvalueindex(2), 1);
  if (type == LUA_TTABLE) {
    lua_pushvalue(L, 2);
    if (lua_rawget(L, 4) != LUA_TNIL && (!own || lua_rawequal(L, 3, 5))) return 1;
  }
  if (own && gtlua_from_library(L)) {
    lua_settop(L, 3);
    return 1;
  }
  lua_settop(L, 4);
  if (type == LUA_TNIL) return luaL_error(L, "attempt to index a string value");
  if (type == LUA_TFUNCTION) {
    lua_pushvalue(L, 1);
    lua_pushvalue(L, 2);
    lua_call(L, 2, 1);
  } else {
    lua_pushvalue(L, 2);
    lua_gettable(L, 4);
  }
  return 1;
}

/* What getmetatable("") answers acts as the metatable: __index is the user's, other events of
 * his go into the real one. */
static int shown_index(lua_State *L) {
  lua_pushvalue(L, 2);
  lua_rawget(L, lua_upvalueindex(1));
  lua_pushliteral(L, "__index");
  if (lua_rawequal(L, 2, -1)) lua_rawgeti(L, lua_upvalueindex(2), 1);
  return lua_rawequal(L, 2, -2) ? 1 : (lua_pop(L, 1), 1);
}

static int shown_newindex(lua_State *L) {
  static const char *const fixed[] = {"__metatable", "__tostring", "__name", "__gc", "__close"};
  const char *event = luaL_checkstring(L, 2);
  for (int i = 0; i < GT_COUNT(fixed); i++)
    if (strcmp(event, fixed[i]) == 0)
      return gtlua_error(L, "%s of strings cannot be changed: the library needs it", event);
  lua_settop(L, 3);
  if (strcmp(event, "__index") == 0)
    lua_rawseti(L, lua_upvalueindex(2), 1);
  else
    lua_rawset(L, lua_upvalueindex(1));
  return 0;
}

static int next_event(lua_State *L) {
  lua_settop(L, 2);
  return lua_next(L, 1) ? 2 : 0;
}

static int shown_pairs(lua_State *L) {
  lua_pushcfunction(L, next_event);
  push_copy(L, lua_upvalueindex(1));
  lua_pushnil(L);
  lua_setfield(L, -2, "__metatable");
  lua_rawgeti(L, lua_upvalueindex(2), 1);
  lua_setfield(L, -2, "__index");
  return 2;
}

static void guard_strings(lua_State *L) {
  static const luaL_Reg shown[] = {
      {"__index", shown_index}, {"__newindex", shown_newindex}, {"__pairs", shown_pairs}, {0}};
  lua_pushliteral(L, "");
  lua_getmetatable(L, -1);
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &strings_key);
  int meta = lua_gettop(L);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &globals_key);
  lua_getfield(L, -1, LUA_STRLIBNAME); /* Lua's own methods */
  lua_createtable(L, 1, 0);
  lua_getfield(L, meta, "__index");
  lua_rawseti(L, -2, 1); /* {what the user has as __index} */
  lua_newtable(L);
  lua_newtable(L);
  lua_pushvalue(L, meta);
  lua_pushvalue(L, -4);
  luaL_setfuncs(L, shown, 2);
  lua_setmetatable(L, -2);
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &shown_key);
  lua_setfield(L, meta, "__metatable");
  lua_pushcclosure(L, string_index, 2);
  lua_setfield(L, meta, "__index");
  lua_settop(L, meta - 2);
}

/* debug.getmetatable, debug.setmetatable: the same of strings.  Upvalue: Lua's own. */
static int debug_getmetatable(lua_State *L) {
  if (lua_type(L, 1) != LUA_TSTRING) return lua_tocfunction(L, lua_upvalueindex(1))(L);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &shown_key);
  return 1;
}

static int debug_setmetatable(lua_State *L) {
  if (lua_type(L, 1) != LUA_TSTRING) return change_metatable(L);
  lua_settop(L, 2);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &shown_key);
  if (!lua_rawequal(L, 2, 3))
    return gtlua_error(L,
                       "debug.setmetatable: strings keep their metatable, as the library needs it; "
                       "what getmetatable(\"\") answers can be changed");
  lua_rawgetp(L, LUA_REGISTRYINDEX, &strings_key);
  lua_setmetatable(L, 1);
  lua_settop(L, 1);
  return 1;
}

static void guard_metatables(lua_State *L) {
  lua_getglobal(L, "setmetatable");
  lua_pushcclosure(L, own_setmetatable, 1);
  lua_setglobal(L, "setmetatable");
  lua_getglobal(L, LUA_DBLIBNAME);
  lua_getfield(L, -1, "getmetatable");
  lua_pushcclosure(L, debug_getmetatable, 1);
  lua_setfield(L, -2, "getmetatable");
  lua_getfield(L, -1, "setmetatable");
  lua_pushcclosure(L, debug_setmetatable, 1);
  lua_setfield(L, -2, "setmetatable");
  luaL_getmetatable(L, LUA_FILEHANDLE);
  lua_pushliteral(L, LUA_FILEHANDLE); /* its methods are the library's, too */
  lua_setfield(L, -2, "__metatable");
  lua_pop(L, 2);
}

void gtlua_open_own(lua_State *L) {
  guard_metatables(L);
  keep_globals(L);
  guard_strings(L);
}
