/* reparam.c: the table of parametrizations and the multipliers of modules, for the Lua library
 * (lua/lib/gt/reparam.lua). */
#include "lua/bind/module.h"

#include "core/model/block.h"
#include "core/model/parametrization.h"

#include <math.h>

static void set_string(lua_State *L, const char *key, const char *value) {
  lua_pushstring(L, value);
  lua_setfield(L, -2, key);
}

static void set_number(lua_State *L, const char *key, double value) {
  lua_pushnumber(L, value);
  lua_setfield(L, -2, key);
}

/* rules() -> {{name =, alias =, doc =, relative =, home = {adam = true}}, …} */
static int rules(lua_State *L) {
  lua_createtable(L, gt_parametrization_count, 0);
  for (int i = 0; i < gt_parametrization_count; i++) {
    const gt_parametrization *rule = &gt_parametrizations[i];
    lua_createtable(L, 0, 5);
    set_string(L, "name", rule->name);
    set_string(L, "alias", rule->alias);
    set_string(L, "doc", rule->doc);
    lua_pushboolean(L, rule->relative);
    lua_setfield(L, -2, "relative");
    lua_newtable(L);
    for (int family = 0; family < GT_FAMILY_COUNT; family++) {
      lua_pushboolean(L, rule->home >> family & 1);
      lua_setfield(L, -2, gt_family_name(family));
    }
    lua_setfield(L, -2, "home");
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

static void push_names(lua_State *L, const char *(*name)(int)) {
  lua_newtable(L);
  for (int i = 0; name(i); i++) {
    lua_pushstring(L, name(i));
    lua_rawseti(L, -2, i + 1);
  }
}

/* names() -> {role, …}, {family, …} */
static int names(lua_State *L) {
  push_names(L, gt_role_name);
  push_names(L, gt_family_name);
  return 2;
}

static int read_name(lua_State *L, int index, int (*find)(const char *), const char *what) {
  int found = find(luaL_checkstring(L, index));
  if (found < 0) gtlua_error(L, "expected %s, got '%s'", what, lua_tostring(L, index));
  return found;
}

/* The rule, role and family that scales and formulas begin with; returns the rule. */
static int read_row(lua_State *L, gt_role *role, gt_family *family) {
  *role = (gt_role)read_name(L, 2, gt_role_find, "a role");
  *family = (gt_family)read_name(L, 3, gt_family_find, "sgd, adam or muon");
  return read_name(L, 1, gt_parametrization_find, "a rule");
}

/* scales(rule, role, family, {fan_in =, …}) -> {std =, multiplier =, lr =, eps =, weight_decay =}
 */
static int scales(lua_State *L) {
#define X(NAME, name) #name,
  static const char *const quantities[] = {GT_QUANTITIES(X)};
#undef X
  gt_site site = {0};
  gt_scales found;
  int rule = read_row(L, &site.role, &site.family);
  luaL_checktype(L, 4, LUA_TTABLE);
  for (int i = 0; i < GT_QUANTITY_GIVEN; i++) {
    lua_getfield(L, 4, quantities[i]);
    site.quantity[i] = luaL_optnumber(L, -1, 1);
    lua_pop(L, 1);
  }
  gtlua_check(L, gt_parametrization_scales(gtlua_cx(L), rule, &site, &found));
  lua_newtable(L);
#define X(name) set_number(L, #name, found.name);
  GT_SCALES(X)
#undef X
  return 1;
}

/* formulas(rule, role, family) -> the same as texts, or nil */
static int formulas(lua_State *L) {
  gt_role role;
  gt_family family;
  gt_formulas found;
  int rule = read_row(L, &role, &family);
  if (!gt_parametrization_formulas(rule, family, role, &found)) return 0;
  lua_newtable(L);
#define X(name) set_string(L, #name, found.name);
  GT_SCALES(X)
#undef X
  return 1;
}

/* half_ulp(dtype, x), share_lost(dtype, std, step) */
static int half_ulp(lua_State *L) {
  lua_pushnumber(L, gt_half_ulp(gtlua_todtype(L, 1), luaL_checknumber(L, 2)));
  return 1;
}

static int share_lost(lua_State *L) {
  lua_pushnumber(
      L, gt_share_lost(gtlua_todtype(L, 1), luaL_checknumber(L, 2), luaL_checknumber(L, 3)));
  return 1;
}

/* ---- multipliers ---- */

static double read_factor(lua_State *L, int index, const char *what) {
  int is_number;
  double value = lua_tonumberx(L, index, &is_number);
  if (!is_number || !isfinite(value))
    gtlua_error(L, "%s: expected a finite number, got %s", what, gtlua_shown(L, index));
  return value;
}

/* multiplier(m[, value]) -> its multiplier */
static int multiplier(lua_State *L) {
  gt_module *m = gtlua_tomodule(L, 1);
  if (!lua_isnoneornil(L, 2)) m->multiplier = read_factor(L, 2, "forward_multiplier");
  lua_pushnumber(L, m->multiplier);
  return 1;
}

/* attention_scale(m[, value]) -> factor of the scores, 0 for 1 / sqrt(head_dim); nil for other
 * modules */
static int attention_scale(lua_State *L) {
  double *scale = gt_attention_scale(gtlua_tomodule(L, 1));
  if (!scale) return 0;
  if (!lua_isnoneornil(L, 2)) *scale = read_factor(L, 2, "attention_scale");
  lua_pushnumber(L, *scale);
  return 1;
}

/* scaled(m, y) -> y times the multiplier of m */
static int scaled(lua_State *L) {
  gt_module *m = gtlua_tomodule(L, 1);
  lua_settop(L, 2);
  if (m->multiplier == 1) return 1;
  gt_tensor *y = gtlua_testtensor(L, 2);
  if (!y)
    return gtlua_error(L, "%s has a forward multiplier: expected a tensor from its forward, got %s",
                       gt_module_class_name(m), gtlua_typename(L, 2));
  gt_frame f = {.cx = gtlua_cx(L)};
  gt_tensor **box = gtlua_box(L);
  gtlua_check(L, gt_frame_return(&f, gt_module_scaled(&f, m, y), box));
  return 1;
}

static const luaL_Reg functions[] = {{"attention_scale", attention_scale},
                                     {"formulas", formulas},
                                     {"half_ulp", half_ulp},
                                     {"multiplier", multiplier},
                                     {"names", names},
                                     {"rules", rules},
                                     {"scaled", scaled},
                                     {"scales", scales},
                                     {"share_lost", share_lost},
                                     {NULL, NULL}};

void gtlua_open_reparam(lua_State *L) { gtlua_native(L, "native.reparam", functions); }
