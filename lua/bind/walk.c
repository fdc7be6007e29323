/* walk.c: the module tree as flat Lua lists {name, object, name, object, …}, made by core's walks;
 * state dicts, casts, modes.  The iterators that users see are a few lines of Lua over these. */
#include "lua/bind/module.h"

#include "core/model/module.h"

#include <stdlib.h>
#include <string.h>

/* What a walk needs to add an entry to the list at `list` in L; `root`: the module walked. */
typedef struct walk {
  lua_State *L;
  int root, list, count;
} walk;

/* Pushes the module at the dotted `path` below the one at `root`, anchoring every step. */
static void push_path(lua_State *L, int root, const char *path) {
  lua_pushvalue(L, root);
  while (*path) {
    size_t n = strcspn(path, ".");
    const char *name = lua_pushlstring(L, path, n);
    const gt_module *m = gtlua_tomodule(L, -2);
    const gt_slot *slot = gt_module_slot(m, name);
    if (!slot || !slot->module)
      gtlua_error(L, "%s has no module '%s'", gt_module_class_name(m), name);
    gtlua_push_child(L, -2, slot);
    lua_replace(L, -3);
    lua_pop(L, 1);
    path += n + (path[n] == '.');
  }
}

/* Runs in protected mode, because core's walk is below: (walk, entry). */
static int add_entry(lua_State *L) {
  walk *w = lua_touserdata(L, 3);
  const gt_entry *entry = lua_touserdata(L, 4);
  lua_pushstring(L, entry->name);
  lua_rawseti(L, 2, ++w->count);
  if (entry->slot && entry->slot->kind != GT_SLOT_MODULE) {
    gtlua_pushtensor(L, entry->slot->tensor);
    if (entry->slot->tensor && !entry->slot->tensor->boxed) gtlua_keep_tensor(L, -1);
  } else {
    push_path(L, 1, entry->name);
  }
  lua_rawseti(L, 2, ++w->count);
  return 0;
}

static gt_status visit(gt_ctx *cx, const gt_entry *entry, void *data) {
  walk *w = data;
  lua_State *L = w->L;
  GT_TRY(gt_poll(cx));
  lua_pushcfunction(L, add_entry);
  lua_pushvalue(L, w->root);
  lua_pushvalue(L, w->list);
  lua_pushlightuserdata(L, w);
  lua_pushlightuserdata(L, (void *)entry);
  if (lua_pcall(L, 4, 0, 0) == LUA_OK) return GT_OK;
  gtlua_keep_error(L);
  return gt_fail(cx, GT_EHOOK, "walk over modules failed");
}

/* walk(m, kind) -> {name, object, …}; kind: parameters, buffers, state, modules, apply, or
 * parameters under all their names */
static int walk_tree(lua_State *L) {
  static const char *const kinds[] = {"parameters", "buffers",         "state", "modules",
                                      "apply",      "tied parameters", NULL};
  gt_ctx *cx = gtlua_cx(L);
  gt_module *m = gtlua_tomodule(L, 1);
  int kind = luaL_checkoption(L, 2, NULL, kinds);
  lua_settop(L, 2);
  lua_newtable(L);
  luaL_checkstack(L, LUA_MINSTACK, "walk");
  walk w = {.L = L, .root = 1, .list = 3};
  gt_status status = kind == 0   ? gt_each_parameter(cx, m, true, visit, &w)
                     : kind == 1 ? gt_each_buffer(cx, m, visit, &w)
                     : kind == 2 ? gt_each_state(cx, m, visit, &w)
                     : kind == 3 ? gt_each_module(cx, m, visit, &w)
                     : kind == 4 ? gt_apply_modules(cx, m, visit, &w)
                                 : gt_each_parameter(cx, m, false, visit, &w);
  gtlua_check(L, status);
  return 1;
}

/* submodule(m, "blocks.0.attn") */
static int submodule(lua_State *L) {
  gtlua_tomodule(L, 1);
  push_path(L, 1, luaL_checkstring(L, 2));
  return 1;
}

/* load(m, names, tensors, strict) */
static int load_state(lua_State *L) {
  gt_module *m = gtlua_tomodule(L, 1);
  int count = gtlua_list_length(L, 2, "a list of names");
  if (gtlua_list_length(L, 3, "a list of tensors") != count)
    return gtlua_error(L, "load_state_dict: expected a tensor for each name");
  lua_settop(L, 4);
  const char **names = lua_newuserdatauv(L, (size_t)count * sizeof *names + 1, 0);
  gt_tensor **tensors = lua_newuserdatauv(L, (size_t)count * sizeof *tensors + 1, 0);
  for (int i = 0; i < count; i++) {
    lua_rawgeti(L, 2, i + 1);
    lua_rawgeti(L, 3, i + 1);
    if (lua_type(L, -2) != LUA_TSTRING)
      return gtlua_error(L, "load_state_dict: keys must be names, got %s", gtlua_typename(L, -2));
    names[i] = lua_tostring(L, -2);
    tensors[i] = gtlua_testtensor(L, -1);
    if (!tensors[i])
      return gtlua_error(L, "load_state_dict: expected '%s' to be a tensor, got %s", names[i],
                         gtlua_typename(L, -1));
    lua_pop(L, 2);
  }
  gtlua_check(L, gt_module_load(gtlua_cx(L), m, count, names, tensors, lua_toboolean(L, 4)));
  return 0;
}

/* to(m, dtype or device or name or {dtype=, device=} …) */
static int module_to(lua_State *L) {
  gt_module *m = gtlua_tomodule(L, 1);
  gt_dtype dtype;
  bool cast = false;
  const gt_backend *device = NULL;
  int last = lua_gettop(L);
  for (int i = 2; i <= last; i++) {
    int first = i, end = i + 1;
    if (lua_istable(L, i)) { /* its two fields take its place */
      first = lua_gettop(L) + 1;
      end = first + 2;
      lua_getfield(L, i, "dtype");
      lua_getfield(L, i, "device");
    }
    for (int j = first; j < end; j++) {
      if (lua_isnil(L, j)) continue;
      gt_dtype parsed;
      bool is_dtype =
          luaL_testudata(L, j, GTLUA_DTYPE) ||
          (lua_type(L, j) == LUA_TSTRING && gt_dtype_parse(lua_tostring(L, j), &parsed));
      if (is_dtype)
        dtype = gtlua_todtype(L, j), cast = true;
      else
        device = gtlua_todevice(L, j);
    }
  }
  if (cast && !gt_dtype_is_float(dtype))
    return gtlua_error(L, "to: modules take float dtypes only, got %s", gt_dtype_name(dtype));
  gt_status status;
  GTLUA_RETRY(L, status, gt_module_to(gtlua_cx(L), m, cast ? &dtype : NULL, device));
  gtlua_check(L, status);
  lua_settop(L, 1);
  return 1;
}

static int module_train(lua_State *L) {
  gt_module_train(gtlua_cx(L), gtlua_tomodule(L, 1), lua_toboolean(L, 2));
  return 0;
}

/* modes(m) -> text that remembers which modules of the tree are in training */
static int module_modes(lua_State *L) {
  gt_module *m = gtlua_tomodule(L, 1);
  luaL_Buffer modes;
  size_t count = 0;
  gt_tree_link(m);
  for (gt_module *at = m; at; at = gt_tree_next(at)) count++;
  gt_tree_unlink(m);
  char *to = luaL_buffinitsize(L, &modes, count);
  gt_tree_link(m);
  for (gt_module *at = m; at; at = gt_tree_next(at)) *to++ = (char)('0' + at->training);
  gt_tree_unlink(m);
  luaL_pushresultsize(&modes, count);
  return 1;
}

/* set_modes(m, modes): as they were, as long as the tree is */
static int module_set_modes(lua_State *L) {
  gt_module *m = gtlua_tomodule(L, 1);
  const char *modes = luaL_checkstring(L, 2);
  gt_tree_link(m);
  for (gt_module *at = m; at && *modes; at = gt_tree_next(at)) at->training = *modes++ == '1';
  gt_tree_unlink(m);
  return 0;
}

static int requires_grad(lua_State *L) {
  gt_module_requires_grad(gtlua_cx(L), gtlua_tomodule(L, 1), lua_toboolean(L, 2));
  return 0;
}

static int zero_grad(lua_State *L) {
  gt_module_zero_grad(gtlua_cx(L), gtlua_tomodule(L, 1));
  return 0;
}

static int num_params(lua_State *L) {
  gt_ctx *cx = gtlua_cx(L);
  int64_t count = gt_module_parameter_count(cx, gtlua_tomodule(L, 1));
  if (count < 0) gtlua_check(L, GT_ENOMEM);
  lua_pushinteger(L, count);
  return 1;
}

static const luaL_Reg functions[] = {{"load", load_state},
                                     {"num_params", num_params},
                                     {"requires_grad", requires_grad},
                                     {"submodule", submodule},
                                     {"to", module_to},
                                     {"train", module_train},
                                     {"modes", module_modes},
                                     {"set_modes", module_set_modes},
                                     {"walk", walk_tree},
                                     {"zero_grad", zero_grad},
                                     {NULL, NULL}};

void gtlua_add_walks(lua_State *L) { luaL_setfuncs(L, functions, 0); }
