/* optim.c: native optimizers for the Lua library (lua/lib/gt/optim.lua makes the objects that users
 * see).  Groups and parameters count from 1 here. */
#include "lua/bind/setting.h"

#include "core/train/recipe.h"

#include <stdlib.h>
#include <string.h>

static gt_optimizer *to_optimizer(lua_State *L, int index) {
  return gtlua_checkheld(L, index, GTLUA_OPTIMIZER);
}

static gt_optimizer **push_box(lua_State *L) {
  gt_optimizer **box = lua_newuserdatauv(L, sizeof *box, 0);
  *box = NULL;
  luaL_setmetatable(L, GTLUA_OPTIMIZER);
  return box;
}

static int optimizer_gc(lua_State *L) {
  gt_optimizer **box = gtlua_checkbox(L, 1, GTLUA_OPTIMIZER);
  gt_optimizer *o = *box;
  *box = NULL;
  if (o) gt_optimizer_unref(gtlua_cx(L), o);
  return 0;
}

static const gt_optimizer_class *find_class(lua_State *L, const char *name) {
  for (int i = 0; gt_optimizer_classes[i]; i++)
    if (strcmp(gt_optimizer_classes[i]->name, name) == 0) return gt_optimizer_classes[i];
  gtlua_error(L, "no native optimizer '%s'", name);
  return NULL;
}

/* classes() -> {{name =, doc =, family =}, …} of all optimizers */
static int list_classes(lua_State *L) {
  lua_newtable(L);
  for (int i = 0; gt_optimizer_classes[i]; i++) {
    lua_createtable(L, 0, 3);
    lua_pushstring(L, gt_optimizer_classes[i]->name);
    lua_setfield(L, -2, "name");
    lua_pushstring(L, gt_optimizer_classes[i]->doc);
    lua_setfield(L, -2, "doc");
    lua_pushstring(L, gt_optimizer_classes[i]->family);
    lua_setfield(L, -2, "family");
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

/* new(class name) -> optimizer without groups */
static int new_optimizer(lua_State *L) {
  const gt_optimizer_class *class = find_class(L, luaL_checkstring(L, 1));
  gt_optimizer **box = push_box(L);
  gtlua_check(L, gt_optimizer_new(gtlua_cx(L), class, box));
  return 1;
}

/* ---- hyper-parameters ---- */

/* hypers(class name) -> {{name, type, default, doc, …}, …} in order, as gtlua_push_settings has
 * them */
static int hypers(lua_State *L) {
  const gt_optimizer_class *class = find_class(L, luaL_checkstring(L, 1));
  gtlua_push_settings(L, class->hypers, class->hyper_count);
  return 1;
}

static gt_group *to_group(lua_State *L, const gt_optimizer *o, int index) {
  lua_Integer i = luaL_checkinteger(L, index);
  if (i < 1 || i > o->group_count) gtlua_error(L, "no parameter group %d", (int)i);
  return &o->groups[i - 1];
}

/* get(o, group, name) -> value, or nil for names that are not hyper-parameters */
static int get(lua_State *L) {
  gt_optimizer *o = to_optimizer(L, 1);
  const gt_group *group = to_group(L, o, 2);
  const char *name = luaL_checkstring(L, 3);
  int h = gt_hyper_find(o->class, name);
  if (h >= 0)
    gtlua_push_setting(L, &o->class->hypers[h], &group->hyper[h]);
  else if (strcmp(name, "initial_lr") == 0)
    lua_pushnumber(L, group->initial_lr);
  else
    lua_pushnil(L);
  return 1;
}

/* set(o, group, name, value) -> true, or false for names that are not hyper-parameters */
static int set(lua_State *L) {
  gt_optimizer *o = to_optimizer(L, 1);
  gt_group *group = to_group(L, o, 2);
  const char *name = luaL_checkstring(L, 3);
  int h = gt_hyper_find(o->class, name);
  bool initial = strcmp(name, "initial_lr") == 0;
  gt_value value;
  if (h >= 0) {
    gtlua_read_setting(L, o->class->name, &o->class->hypers[h], 4, &value);
    group->hyper[h] = value;
  } else if (initial && lua_type(L, 4) == LUA_TNUMBER) {
    group->initial_lr = lua_tonumber(L, 4);
  } else if (initial) {
    return gtlua_error(L, "initial_lr expects a number, got %s", gtlua_typename(L, 4));
  }
  lua_pushboolean(L, h >= 0 || initial);
  return 1;
}

/* ---- groups ---- */

/* add_group(o, {parameter, …}, {name = value, …}) */
static int add_group(lua_State *L) {
  gt_optimizer *o = to_optimizer(L, 1);
  int count = gtlua_list_length(L, 2, "a list of parameters");
  luaL_checktype(L, 3, LUA_TTABLE);
  gt_tensor **params = lua_newuserdatauv(L, (size_t)count * sizeof *params + 1, 0);
  for (int i = 0; i < count; i++) {
    lua_rawgeti(L, 2, i + 1);
    params[i] = gtlua_testtensor(L, -1);
    if (!params[i])
      return gtlua_error(L, "%s: item %d of the parameters: expected a tensor, got %s",
                         o->class->name, i + 1, gtlua_typename(L, -1));
    gtlua_keep_tensor(L, -1); /* comes back as the same userdata in group.params and opt.state */
    lua_pop(L, 1);
  }
  gt_value *values = lua_newuserdatauv(L, (size_t)o->class->hyper_count * sizeof *values + 1, 0);
  memset(values, 0, (size_t)o->class->hyper_count * sizeof *values);
  for (int h = 0; h < o->class->hyper_count; h++) {
    if (lua_getfield(L, 3, o->class->hypers[h].name) != LUA_TNIL)
      gtlua_read_setting(L, o->class->name, &o->class->hypers[h], lua_gettop(L), &values[h]);
    lua_pop(L, 1);
  }
  gtlua_check(L, gt_optimizer_add_group(gtlua_cx(L), o, params, count, values));
  return 0;
}

/* groups(o) -> how many */
static int groups(lua_State *L) {
  lua_pushinteger(L, to_optimizer(L, 1)->group_count);
  return 1;
}

/* params(o, group) -> list */
static int params(lua_State *L) {
  gt_optimizer *o = to_optimizer(L, 1);
  const gt_group *group = to_group(L, o, 2);
  lua_createtable(L, group->count, 0);
  for (int i = 0; i < group->count; i++) {
    gtlua_pushtensor(L, group->params[i]);
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

/* ---- work ---- */

static int step(lua_State *L) {
  gt_optimizer *o = to_optimizer(L, 1);
  gt_status status;
  gtlua_pressure(L);
  GTLUA_RETRY(L, status, gt_optimizer_step(gtlua_cx(L), o));
  gtlua_check(L, status);
  return 0;
}

/* unfinished(o) -> did a step stop in its middle, for lack of memory? */
static int unfinished(lua_State *L) {
  lua_pushboolean(L, to_optimizer(L, 1)->done > 0);
  return 1;
}

/* zero_grad(o, set_to_none) */
static int zero_grad(lua_State *L) {
  gt_optimizer_zero_grad(gtlua_cx(L), to_optimizer(L, 1), lua_toboolean(L, 2));
  return 0;
}

/* ---- state ---- */

/* state(o, i) -> {step = n, momentum_buffer = tensor, …} of parameter i, nil before its first step
 */
static int state(lua_State *L) {
  gt_optimizer *o = to_optimizer(L, 1);
  lua_Integer i = luaL_checkinteger(L, 2) - 1;
  if (!o->state || i < 0 || i >= o->parameter_count || !o->steps[i]) return 0;
  lua_createtable(L, 0, o->class->state_count + 1);
  lua_pushinteger(L, o->steps[i]);
  lua_setfield(L, -2, "step");
  for (int s = 0; s < o->class->state_count; s++) {
    gtlua_pushtensor(L, o->state[i * o->class->state_count + s]);
    lua_setfield(L, -2, o->class->states[s]);
  }
  return 1;
}

/* load_state(o, {[i] = {step = n, name = tensor, …}, …}): all or nothing */
static int load_state(lua_State *L) {
  gt_optimizer *o = to_optimizer(L, 1);
  luaL_checktype(L, 2, LUA_TTABLE);
  size_t n = (size_t)o->parameter_count, names = (size_t)o->class->state_count;
  int64_t *steps = lua_newuserdatauv(L, n * sizeof *steps + 1, 0);
  gt_tensor **tensors = lua_newuserdatauv(L, n * names * sizeof *tensors + 1, 0);
  memset(steps, 0, n * sizeof *steps);
  memset(tensors, 0, n * names * sizeof *tensors);
  for (int i = 0; i < o->parameter_count; i++) {
    int type = lua_rawgeti(L, 2, i + 1);
    if (type != LUA_TNIL && type != LUA_TTABLE)
      return gtlua_error(L, "load_state_dict: state[%d] must be a table, got %s", i + 1,
                         gtlua_typename(L, -1));
    if (type == LUA_TTABLE) {
      lua_getfield(L, -1, "step");
      steps[i] = gtlua_toint(L, -1, "load_state_dict: step");
      lua_pop(L, 1);
      for (size_t s = 0; s < names; s++) { /* the table keeps the tensors alive */
        lua_getfield(L, -1, o->class->states[s]);
        tensors[(size_t)i * names + s] = lua_isnil(L, -1) ? NULL : gtlua_totensor(L, -1);
        lua_pop(L, 1);
      }
    }
    lua_pop(L, 1);
  }
  gtlua_check(L, gt_optimizer_load(gtlua_cx(L), o, steps, tensors));
  return 0;
}

/* recipe(gpt, embedding_lr, matrix_lr, weight_decay) -> adamw, muon, note */
static int recipe(lua_State *L) {
  gt_module *gpt = gtlua_tomodule(L, 1);
  gt_recipe r = {luaL_optnumber(L, 2, gt_recipe_defaults.embedding_lr),
                 luaL_optnumber(L, 3, gt_recipe_defaults.matrix_lr),
                 luaL_optnumber(L, 4, gt_recipe_defaults.weight_decay)};
  gt_optimizer **adamw = push_box(L), **muon = push_box(L);
  gt_text note = {0};
  gt_status status = gt_recipe_make(gtlua_cx(L), gpt, &r, adamw, muon, &note);
  if (status == GT_OK) lua_pushlstring(L, note.data ? note.data : "", note.length);
  gt_text_free(&note);
  gtlua_check(L, status);
  return 3;
}

static const luaL_Reg functions[] = {{"add_group", add_group},
                                     {"classes", list_classes},
                                     {"get", get},
                                     {"groups", groups},
                                     {"hypers", hypers},
                                     {"load_state", load_state},
                                     {"new", new_optimizer},
                                     {"params", params},
                                     {"recipe", recipe},
                                     {"set", set},
                                     {"state", state},
                                     {"step", step},
                                     {"unfinished", unfinished},
                                     {"zero_grad", zero_grad},
                                     {NULL, NULL}};

void gtlua_open_optim(lua_State *L) {
  gtlua_kind(L, GTLUA_OPTIMIZER, GTLUA_META({"__gc", optimizer_gc}), NULL);
  gtlua_native(L, "native.optim", functions);
}
