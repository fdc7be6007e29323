/* module_set.c: writing into a module: plain fields, slots for parameters, buffers and children. */
#include "lua/bind/module.h"

#include <string.h>

/* Stores the value at `value` as a plain field; nil is remembered as declared. */
static void set_plain(lua_State *L, const char *name, int value) {
  gtlua_module_table(L, 1, GTLUA_UV_FIELDS);
  if (value && !lua_isnil(L, value))
    lua_pushvalue(L, value);
  else
    lua_pushlightuserdata(L, NULL);
  lua_setfield(L, -2, name);
  lua_pop(L, 1);
}

/* Removes a plain field that a slot of the same name replaces. */
static void forget_plain(lua_State *L, const char *name) {
  if (lua_getiuservalue(L, 1, GTLUA_UV_FIELDS) == LUA_TTABLE) {
    lua_pushnil(L);
    lua_setfield(L, -2, name);
  }
  lua_pop(L, 1);
}

static void drop_anchor(lua_State *L, const char *name) {
  lua_pushnil(L);
  gtlua_module_anchor(L, 1, name);
}

/* Is there a function by that name in the class of module 1? */
static bool is_method(lua_State *L, const char *name) {
  lua_getiuservalue(L, 1, GTLUA_UV_CLASS);
  bool found = lua_getfield(L, -1, name) == LUA_TFUNCTION;
  lua_pop(L, 2);
  return found;
}

/* Raises unless the name is free in module 1, or that of a slot of the kind. */
static void check_free(lua_State *L, const gt_module *m, const char *what, const char *name,
                       gt_slot_kind kind) {
  static const char *const kinds[] = {"a parameter", "a buffer", "a module"};
  const gt_slot *slot = gt_module_slot(m, name);
  if (slot && slot->kind == kind) return;
  const char *found = slot ? kinds[slot->kind] : is_method(L, name) ? "a method" : NULL;
  int top = lua_gettop(L);
  if (!found && gtlua_module_field(L, 1, name) && !lua_isnil(L, -1)) found = "a field";
  lua_settop(L, top);
  if (found)
    gtlua_error(L, "%s: expected a new name, '%s' is %s of %s already", what, name, found,
                gt_module_class_name(m));
}

/* Reading such a name would no longer find the method. */
static void check_not_method(lua_State *L, const gt_module *m, const char *name) {
  if (!gt_module_slot(m, name) && is_method(L, name))
    gtlua_error(L, "%s.%s: expected another name, '%s' is a method", gt_module_class_name(m), name,
                name);
}

/* Lua's side looks for modules and parameters that the plain table at 3 would hide. */
static void check_table(lua_State *L, const char *name) {
  if (!lua_istable(L, 3) || lua_getmetatable(L, 3)) return;
  lua_pushcfunction(L, gtlua_require);
  lua_pushliteral(L, "nn.class");
  lua_call(L, 1, 1);
  lua_getfield(L, -1, "check_table");
  lua_pushvalue(L, 1);
  lua_pushstring(L, name);
  lua_pushvalue(L, 3);
  lua_call(L, 3, 0);
  lua_settop(L, 3);
}

/* Module 1's slot `name` becomes the child at `value`. */
static void set_child(lua_State *L, gt_module *m, const char *name, int value) {
  gtlua_check(L, gt_module_set_module(gtlua_cx(L), m, name, gtlua_tomodule(L, value)));
  forget_plain(L, name);
  lua_pushvalue(L, value);
  gtlua_module_anchor(L, 1, name);
}

static void set_parameter(lua_State *L, gt_module *m, const char *name, int value) {
  gt_tensor *t = lua_isnil(L, value) ? NULL : gtlua_totensor(L, value);
  gtlua_check(L, gt_module_set_parameter(gtlua_cx(L), m, name, t));
  if (t) gtlua_keep_tensor(L, value);
  forget_plain(L, name);
  drop_anchor(L, name);
}

static void set_buffer(lua_State *L, gt_module *m, const char *name, int value, bool persistent) {
  gt_tensor *t = lua_isnil(L, value) ? NULL : gtlua_totensor(L, value);
  gtlua_check(L, gt_module_set_buffer(gtlua_cx(L), m, name, t, persistent));
  if (t) gtlua_keep_tensor(L, value);
  forget_plain(L, name);
  drop_anchor(L, name);
}

static int wrong_kind(lua_State *L, const gt_module *m, const gt_slot *slot, int value) {
  static const char *const expected[] = {"a parameter", "a tensor", "a module"};
  const char *got = gtlua_testtensor(L, value) ? "a plain tensor" : gtlua_typename(L, value);
  return gtlua_error(L, "%s.%s: expected %s or nil, got %s%s", gt_module_class_name(m), slot->name,
                     expected[slot->kind], got,
                     slot->kind == GT_SLOT_PARAMETER && gtlua_testtensor(L, value)
                         ? "; wrap it: nn.Parameter(t), or write into it: copy_"
                         : "");
}

int gtlua_module_newindex(lua_State *L) {
  gt_module *m = gtlua_tomodule(L, 1);
  char digits[32];
  const char *name = digits;
  if (lua_isinteger(L, 2)) { /* list[i] = module */
    gtlua_module_item(L, 1, m, lua_tointeger(L, 2));
    lua_Integer i = lua_tointeger(L, 2);
    snprintf(digits, sizeof digits, "%lld", (long long)(i < 0 ? i + gt_module_length(m) : i));
    if (!gtlua_testmodule(L, 3))
      return gtlua_error(L, "%s[%s]: expected a module, got %s", gt_module_class_name(m), digits,
                         gtlua_typename(L, 3));
  } else {
    name = luaL_checkstring(L, 2);
  }

  const gt_slot *slot = gt_module_slot(m, name);
  gt_tensor *t = gtlua_testtensor(L, 3);
  if (lua_isnil(L, 3)) {
    gt_module_remove(gtlua_cx(L), m, name);
    drop_anchor(L, name);
    set_plain(L, name, 0);
  } else if (gtlua_testmodule(L, 3)) {
    check_not_method(L, m, name);
    set_child(L, m, name, 3);
  } else if (t && t->parameter) {
    check_not_method(L, m, name);
    set_parameter(L, m, name, 3);
  } else if (slot && slot->kind == GT_SLOT_BUFFER && t) {
    set_buffer(L, m, name, 3, slot->persistent);
  } else if (slot) {
    return wrong_kind(L, m, slot, 3);
  } else if (strcmp(name, "training") == 0) {
    if (!lua_isboolean(L, 3))
      return gtlua_error(L, "%s.training: expected true or false, got %s", gt_module_class_name(m),
                         gtlua_typename(L, 3));
    m->training = lua_toboolean(L, 3);
  } else if (gtlua_native_field(m, name)) {
    return gtlua_error(L, "%s.%s cannot be changed", gt_module_class_name(m), name);
  } else {
    check_table(L, name);
    set_plain(L, name, 3);
  }
  return 0;
}

/* register_buffer(m, name, tensor or nil, persistent) */
static int register_buffer(lua_State *L) {
  gt_module *m = gtlua_tomodule(L, 1);
  const char *name = luaL_checkstring(L, 2);
  lua_settop(L, 4);
  check_free(L, m, "register_buffer", name, GT_SLOT_BUFFER);
  set_buffer(L, m, name, 3, lua_toboolean(L, 4));
  return 0;
}

/* register_parameter(m, name, parameter or nil): nil makes a slot that reads as nil. */
static int register_parameter(lua_State *L) {
  gt_module *m = gtlua_tomodule(L, 1);
  const char *name = luaL_checkstring(L, 2);
  lua_settop(L, 3);
  if (!lua_isnil(L, 3) && !gtlua_totensor(L, 3)->parameter)
    return gtlua_error(L, "register_parameter: '%s' is a plain tensor; wrap it: nn.Parameter(t)",
                       name);
  check_free(L, m, "register_parameter", name, GT_SLOT_PARAMETER);
  set_parameter(L, m, name, 3);
  return 0;
}

/* add_module(m, name, child) */
static int add_module(lua_State *L) {
  gt_module *m = gtlua_tomodule(L, 1);
  const char *name = luaL_checkstring(L, 2);
  lua_settop(L, 3);
  check_free(L, m, "add_module", name, GT_SLOT_MODULE);
  set_child(L, m, name, 3);
  return 0;
}

/* append(list, module) */
static int append(lua_State *L) {
  gt_module *m = gtlua_tomodule(L, 1);
  char name[32];
  snprintf(name, sizeof name, "%d", gt_module_length(m));
  set_child(L, m, name, 2);
  return 0;
}

static const luaL_Reg functions[] = {{"add_module", add_module},
                                     {"append", append},
                                     {"register_buffer", register_buffer},
                                     {"register_parameter", register_parameter},
                                     {NULL, NULL}};

void gtlua_add_setters(lua_State *L) { luaL_setfuncs(L, functions, 0); }
