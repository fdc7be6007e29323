/* module.c: module userdata: fields, slots, children, life.  Calling is forward.c, walking walk.c.
 */
#include "lua/bind/module.h"

#include "core/model/nn.h"

#include <string.h>

#define BOXES "gt.modules"   /* light userdata of a module -> its userdata, weak */
#define CLASSES "gt.classes" /* light userdata of a native class -> its class table */
#define MOST_NAMES 400

static gt_module **box_at(lua_State *L, int index) {
  return gtlua_checkbox(L, index, GTLUA_MODULE);
}

gt_module *gtlua_testmodule(lua_State *L, int index) {
  gt_module **box = luaL_testudata(L, index, GTLUA_MODULE);
  return box ? *box : NULL;
}

gt_module *gtlua_tomodule(lua_State *L, int index) {
  gt_module **box = luaL_testudata(L, index, GTLUA_MODULE);
  if (!box) gtlua_expected(L, index, "a module");
  if (*box) return *box;
  lua_getiuservalue(L, index, GTLUA_UV_CLASS);
  lua_getfield(L, -1, "__name");
  gtlua_error(L, "%s: the module is closed, or the init of its parent class was not called",
              lua_tostring(L, -1));
  return NULL;
}

/* ---- boxes ---- */

gt_module **gtlua_modulebox(lua_State *L, int class_index) {
  class_index = lua_absindex(L, class_index);
  gt_module **box = lua_newuserdatauv(L, sizeof *box, GTLUA_UV_COUNT);
  *box = NULL;
  luaL_setmetatable(L, GTLUA_MODULE);
  lua_pushvalue(L, class_index);
  lua_setiuservalue(L, -2, GTLUA_UV_CLASS);
  return box;
}

void gtlua_module_known(lua_State *L, int box) {
  box = lua_absindex(L, box);
  lua_getfield(L, LUA_REGISTRYINDEX, BOXES);
  lua_pushvalue(L, box);
  lua_rawsetp(L, -2, *box_at(L, box));
  lua_pop(L, 1);
}

bool gtlua_module_find(lua_State *L, const gt_module *m) {
  lua_getfield(L, LUA_REGISTRYINDEX, BOXES);
  bool found = lua_rawgetp(L, -1, m) == LUA_TUSERDATA;
  lua_remove(L, -2);
  if (!found) lua_pop(L, 1);
  return found;
}

void gtlua_module_table(lua_State *L, int box, int which) {
  if (lua_getiuservalue(L, box, which) == LUA_TTABLE) return;
  lua_pop(L, 1);
  lua_newtable(L);
  lua_pushvalue(L, -1);
  lua_setiuservalue(L, box, which);
}

void gtlua_module_anchor(lua_State *L, int parent, const char *name) {
  gtlua_module_table(L, parent, GTLUA_UV_ANCHORS);
  lua_insert(L, -2);
  lua_setfield(L, -2, name);
  lua_pop(L, 1);
}

/* Pushes the userdata of a module: the known one, or a new one of its native class. */
static void push_module(lua_State *L, gt_module *m) {
  if (gtlua_module_find(L, m)) return;
  lua_getfield(L, LUA_REGISTRYINDEX, CLASSES);
  if (lua_rawgetp(L, -1, m->class) != LUA_TTABLE)
    gtlua_error(L, "no Lua class is registered for native class %s", m->class->name);
  gt_module **box = gtlua_modulebox(L, -1);
  *box = gt_module_ref(m);
  gtlua_module_known(L, -1);
  lua_replace(L, -3);
  lua_pop(L, 1);
}

void gtlua_push_child(lua_State *L, int parent, const gt_slot *slot) {
  parent = lua_absindex(L, parent);
  if (!slot->module) {
    lua_pushnil(L);
    return;
  }
  push_module(L, slot->module);
  lua_pushvalue(L, -1);
  gtlua_module_anchor(L, parent, slot->name);
}

static int module_gc(lua_State *L) {
  gt_module **box = box_at(L, 1);
  gt_module *m = *box;
  *box = NULL;
  if (m) gt_module_unref(gtlua_cx(L), m);
  return 0;
}

/* A closed module is no longer found by its address, which other code may still use. */
static int module_close(lua_State *L) {
  gt_module **box = box_at(L, 1);
  if (gtlua_finalizing(L)) return 0;
  if (*box) {
    lua_getfield(L, LUA_REGISTRYINDEX, BOXES);
    lua_pushnil(L);
    lua_rawsetp(L, -2, *box);
  }
  return module_gc(L);
}

/* ---- reading fields ---- */

/* Tensors in slots keep their userdata, so that they compare equal to themselves. */
static void push_slot(lua_State *L, int box, const gt_slot *slot) {
  if (slot->kind == GT_SLOT_MODULE) {
    gtlua_push_child(L, box, slot);
    return;
  }
  gtlua_pushtensor(L, slot->tensor);
  if (slot->tensor && !slot->tensor->boxed) gtlua_keep_tensor(L, -1);
}

int gtlua_module_item(lua_State *L, int box, gt_module *m, lua_Integer i) {
  int length = gt_module_length(m);
  char name[32];
  lua_Integer at = i < 0 ? i + length : i;
  if (at < 0 || at >= length)
    return gtlua_error(L, "%s: index %lld out of range: %d items, the first is [0], the last [-1]",
                       gt_module_class_name(m), (long long)i, length);
  snprintf(name, sizeof name, "%lld", (long long)at);
  const gt_slot *slot = gt_module_slot(m, name);
  if (!slot || slot->kind != GT_SLOT_MODULE)
    return gtlua_error(L, "%s cannot be indexed by number", gt_module_class_name(m));
  gtlua_push_child(L, box, slot);
  return 1;
}

const gt_field *gtlua_native_field(const gt_module *m, const char *name) {
  for (int i = 0; i < m->class->field_count; i++)
    if (strcmp(m->class->fields[i].name, name) == 0) return &m->class->fields[i];
  return NULL;
}

/* Adds the string keys of the table on top of the stack; pops it. */
static int add_keys(lua_State *L, const char **names, int count) {
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1))
    if (lua_type(L, -2) == LUA_TSTRING && count < MOST_NAMES && lua_tostring(L, -2)[0] != '_')
      names[count++] = lua_tostring(L, -2);
  lua_pop(L, 1);
  return count;
}

static int missing(lua_State *L, int box, const gt_module *m, const char *name) {
  const char *names[MOST_NAMES + 1];
  char hint[96];
  int count = 0;
  for (int i = 0; i < m->slot_count && count < MOST_NAMES; i++) names[count++] = m->slots[i].name;
  for (int i = 0; i < m->class->field_count && count < MOST_NAMES; i++)
    names[count++] = m->class->fields[i].name;
  if (lua_getiuservalue(L, box, GTLUA_UV_FIELDS) == LUA_TTABLE) count = add_keys(L, names, count);
  lua_getiuservalue(L, box, GTLUA_UV_CLASS);
  while (lua_istable(L, -1)) { /* the class and its parents */
    lua_pushvalue(L, -1);
    count = add_keys(L, names, count);
    if (!luaL_getmetafield(L, -1, "__index")) break;
  }
  names[count] = NULL;
  gtlua_suggest(name, names, hint);
  return gtlua_error(L, "%s has no field or method '%s'%s", gt_module_class_name(m), name,
                     *hint ? hint : "; assign it first, nil will do, or ask m:has(name)");
}

bool gtlua_module_field(lua_State *L, int box, const char *name) {
  gt_module *m = *box_at(L, box);
  const gt_slot *slot = m ? gt_module_slot(m, name) : NULL;
  if (slot) {
    push_slot(L, box, slot);
    return true;
  }
  if (lua_getiuservalue(L, box, GTLUA_UV_FIELDS) == LUA_TTABLE) {
    if (lua_getfield(L, -1, name) == LUA_TLIGHTUSERDATA && !lua_touserdata(L, -1)) {
      lua_pushnil(L);
      return true;
    }
    if (!lua_isnil(L, -1)) return true;
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  lua_getiuservalue(L, box, GTLUA_UV_CLASS);
  if (lua_getfield(L, -1, name) != LUA_TNIL) return true;
  lua_pop(L, 2);
  if (!m) return false;
  const gt_field *field = gtlua_native_field(m, name);
  if (field)
    lua_pushinteger(L, *(const int64_t *)((const char *)m + field->offset));
  else if (strcmp(name, "training") == 0)
    lua_pushboolean(L, m->training);
  else
    return false;
  return true;
}

void gtlua_module_get(lua_State *L, int box, const char *name) {
  box = lua_absindex(L, box);
  int top = lua_gettop(L);
  if (!gtlua_module_field(L, box, name)) missing(L, box, gtlua_tomodule(L, box), name);
  if (lua_gettop(L) > top + 1) lua_replace(L, top + 1);
  lua_settop(L, top + 1);
}

static int module_index(lua_State *L) {
  box_at(L, 1);
  if (lua_isinteger(L, 2))
    return gtlua_module_item(L, 1, gtlua_tomodule(L, 1), lua_tointeger(L, 2));
  if (lua_type(L, 2) != LUA_TSTRING)
    return gtlua_error(L, "%s: fields have names, got %s",
                       gt_module_class_name(gtlua_tomodule(L, 1)), gtlua_typename(L, 2));
  gtlua_module_get(L, 1, lua_tostring(L, 2));
  return 1;
}

/* has(m, name): whether reading m.name would not raise. */
static int module_has(lua_State *L) {
  box_at(L, 1);
  lua_pushboolean(L, gtlua_module_field(L, 1, luaL_checkstring(L, 2)));
  return 1;
}

/* ---- functions for the Lua library ---- */

/* clone(m) -> a deep copy of the native tree, of the same class */
static int clone(lua_State *L) {
  gt_module *m = gtlua_tomodule(L, 1);
  gt_status status;
  lua_settop(L, 1);
  lua_getiuservalue(L, 1, GTLUA_UV_CLASS);
  gtlua_pressure(L);
  gt_module **box = gtlua_modulebox(L, 2);
  GTLUA_RETRY(L, status, gt_module_clone(gtlua_cx(L), m, box));
  gtlua_check(L, status);
  gtlua_module_known(L, -1);
  return 1;
}

/* child_as(m, name, class) -> the child in that slot, as an object of the class if it has no Lua
 * side yet */
static int child_as(lua_State *L) {
  const gt_module *m = gtlua_tomodule(L, 1);
  const gt_slot *slot = gt_module_slot(m, luaL_checkstring(L, 2));
  luaL_checktype(L, 3, LUA_TTABLE);
  if (!slot || !slot->module)
    return gtlua_error(L, "%s has no module '%s'", gt_module_class_name(m), lua_tostring(L, 2));
  if (!gtlua_module_find(L, slot->module)) {
    gt_module **box = gtlua_modulebox(L, 3);
    *box = gt_module_ref(slot->module);
    gtlua_module_known(L, -1);
  }
  gtlua_push_child(L, 1, slot);
  return 1;
}

/* fields(m) -> the table of its plain fields, where a light userdata means nil, or nil */
static int fields(lua_State *L) {
  gtlua_tomodule(L, 1);
  lua_getiuservalue(L, 1, GTLUA_UV_FIELDS);
  return 1;
}

/* settings(m) -> names of what its class keeps in C, and "training": {"in_features", …} */
static int settings(lua_State *L) {
  const gt_module *m = gtlua_tomodule(L, 1);
  lua_createtable(L, m->class->field_count + 1, 0);
  lua_pushliteral(L, "training");
  lua_rawseti(L, -2, 1);
  for (int i = 0; i < m->class->field_count; i++) {
    lua_pushstring(L, m->class->fields[i].name);
    lua_rawseti(L, -2, i + 2);
  }
  return 1;
}

/* set_fields(m, table) */
static int set_fields(lua_State *L) {
  gtlua_tomodule(L, 1);
  lua_settop(L, 2);
  lua_setiuservalue(L, 1, GTLUA_UV_FIELDS);
  return 0;
}

/* children(m) -> {name, child, name, child, …} */
static int children(lua_State *L) {
  const gt_module *m = gtlua_tomodule(L, 1);
  lua_createtable(L, 2 * m->slot_count, 0);
  int n = 0;
  for (int i = 0; i < m->slot_count; i++) {
    if (m->slots[i].kind != GT_SLOT_MODULE || !m->slots[i].module) continue;
    lua_pushstring(L, m->slots[i].name);
    lua_rawseti(L, -2, ++n);
    gtlua_push_child(L, 1, &m->slots[i]);
    lua_rawseti(L, -2, ++n);
  }
  return 1;
}

static int module_length(lua_State *L) {
  lua_pushinteger(L, gt_module_length(gtlua_tomodule(L, 1)));
  return 1;
}

static int next_item(lua_State *L) {
  gt_module *m = gtlua_tomodule(L, 1);
  lua_Integer i = lua_isnil(L, 2) ? 0 : luaL_checkinteger(L, 2) + 1;
  if (i >= gt_module_length(m)) return 0;
  lua_pushinteger(L, i);
  gtlua_module_item(L, 1, m, i);
  return 2;
}

static int next_child(lua_State *L) {
  const gt_module *m = gtlua_tomodule(L, 1);
  int i = 0;
  if (!lua_isnil(L, 2)) { /* after the slot of that name */
    const gt_slot *slot = gt_module_slot(m, luaL_checkstring(L, 2));
    i = slot ? (int)(slot - m->slots) + 1 : m->slot_count;
  }
  while (i < m->slot_count && (m->slots[i].kind != GT_SLOT_MODULE || !m->slots[i].module)) i++;
  if (i >= m->slot_count) return 0;
  lua_pushstring(L, m->slots[i].name);
  gtlua_push_child(L, 1, &m->slots[i]);
  return 2;
}

/* pairs(m): (0, child), (1, child) … of lists, (name, child) of other modules. */
static int module_pairs(lua_State *L) {
  const gt_module *m = gtlua_tomodule(L, 1);
  lua_pushcfunction(L, m->list || gt_module_child(m, "0") ? next_item : next_child);
  lua_pushvalue(L, 1);
  lua_pushnil(L);
  return 3;
}

static int module_tostring(lua_State *L) {
  gt_module *m = gtlua_tomodule(L, 1);
  gt_text text = {0};
  lua_State *before = gtlua_enter(L);
  gt_status status = gt_module_repr(gtlua_cx(L), m, &text);
  gtlua_leave(L, before);
  if (status == GT_OK) lua_pushlstring(L, text.data ? text.data : "", text.length);
  gt_text_free(&text);
  gtlua_check(L, status);
  return 1;
}

/* class_of(m) -> class table; class_name(m) */
static int class_of(lua_State *L) {
  box_at(L, 1);
  lua_getiuservalue(L, 1, GTLUA_UV_CLASS);
  return 1;
}

static int class_name(lua_State *L) {
  lua_pushstring(L, gt_module_class_name(gtlua_tomodule(L, 1)));
  return 1;
}

static int is_module(lua_State *L) {
  lua_pushboolean(L, luaL_testudata(L, 1, GTLUA_MODULE) != NULL);
  return 1;
}

/* hooks_of(m) -> its table of hooks, or nil */
static int hooks_of(lua_State *L) {
  gtlua_tomodule(L, 1);
  lua_getiuservalue(L, 1, GTLUA_UV_HOOKS);
  return 1;
}

/* hooks(m) -> its table of hooks, made on demand; from then on its forward goes through Lua. */
static int hooks(lua_State *L) {
  gt_module *m = gtlua_tomodule(L, 1);
  gtlua_module_table(L, 1, GTLUA_UV_HOOKS);
  if (m->forward) m->forward = gtlua_forward;
  return 1;
}

/* unhook(m): it has no hooks any more; a native forward is called directly again. */
static int unhook(lua_State *L) {
  gt_module *m = gtlua_tomodule(L, 1);
  lua_pushnil(L);
  lua_setiuservalue(L, 1, GTLUA_UV_HOOKS);
  gtlua_module_get(L, 1, "forward");
  if (m->forward && lua_tocfunction(L, -1) == gtlua_native_forward) m->forward = m->class->forward;
  return 0;
}

static const luaL_Reg functions[] = {
    {"child_as", child_as},     {"children", children}, {"clone", clone},
    {"fields", fields},         {"hooks_of", hooks_of}, {"set_fields", set_fields},
    {"class_name", class_name}, {"class_of", class_of}, {"has", module_has},
    {"hooks", hooks},           {"unhook", unhook},     {"is_module", is_module},
    {"length", module_length},  {"settings", settings}, {NULL, NULL}};

static const luaL_Reg metamethods[] = {{"__index", module_index},
                                       {"__newindex", gtlua_module_newindex},
                                       {"__call", gtlua_module_call},
                                       {"__len", module_length},
                                       {"__pairs", module_pairs},
                                       {"__ipairs", module_pairs},
                                       {"__gc", module_gc},
                                       {"__close", module_close},
                                       {"__tostring", module_tostring},
                                       {NULL, NULL}};

void gtlua_open_module(lua_State *L) {
  lua_newtable(L);
  lua_createtable(L, 0, 1);
  lua_pushliteral(L, "v");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
  lua_setfield(L, LUA_REGISTRYINDEX, BOXES);

  lua_newtable(L);
  lua_setfield(L, LUA_REGISTRYINDEX, CLASSES);

  luaL_newmetatable(L, GTLUA_MODULE);
  luaL_setfuncs(L, metamethods, 0);
  lua_pushliteral(L, "module"); /* in messages */
  lua_setfield(L, -2, "__name");
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  lua_pop(L, 1);

  lua_newtable(L);
  luaL_setfuncs(L, functions, 0);
  gtlua_add_setters(L);
  gtlua_add_walks(L);
  gtlua_add_layers(L);
  gtlua_add_gpt(L);
  gtlua_provide(L, "native.module");
  gtlua_add_names(L);
}
