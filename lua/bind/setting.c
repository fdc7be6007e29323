/* setting.c: values of settings on the Lua stack. */
#include "lua/bind/setting.h"

#include <math.h>
#include <stdio.h>

/* ---- read ---- */

static void read_dims(lua_State *L, int index, const char *what, gt_dims *out) {
  const gt_dims *size = luaL_testudata(L, index, GTLUA_SIZE);
  if (size) {
    *out = *size;
  } else if (gtlua_is_plain(L, index)) {
    gtlua_check_list(L, index, what, true);
    lua_Unsigned n = lua_rawlen(L, index);
    if (n > GT_MAX_DIM)
      gtlua_error(L, "%s expects at most %d numbers, got a longer table", what, GT_MAX_DIM);
    out->count = (int)n;
    for (int i = 0; i < out->count; i++) {
      lua_rawgeti(L, index, i + 1);
      out->at[i] = gtlua_toint(L, -1, what);
      lua_pop(L, 1);
    }
  } else {
    out->count = 1;
    out->at[0] = gtlua_toint(L, index, what);
  }
}

/* The position of the text at index among the choices. */
static int64_t read_choice(lua_State *L, int index, const char *what, const char *choices) {
  size_t n = 0;
  const char *text = lua_type(L, index) == LUA_TSTRING ? lua_tolstring(L, index, &n) : NULL;
  int found = text ? gt_choice_find(choices, text, n) : -1;
  if (found < 0)
    gtlua_error(L, "%s expects one of %s, got %s", what, choices, gtlua_shown(L, index));
  return found;
}

/* The tensor at index, which is taken as a number: of one element, and not of the graph, since no
 * gradient would reach it. */
static gt_tensor *number_tensor(lua_State *L, int index, const char *what, const char *instead) {
  gt_tensor *t = gtlua_totensor(L, index);
  if (gt_count(t) != 1) {
    char text[GT_SHAPE_TEXT];
    gt_spec spec = gt_spec_of(t);
    gtlua_error(L, "%s expects a number, got a tensor %s", what, gt_shape_text(&spec, text));
  }
  if (gtlua_cx(L)->grad_enabled && (t->requires_grad || t->node))
    gtlua_error(L,
                "%s expects a number, got a tensor that requires a gradient, which would not reach "
                "it; write %s%st:item() for its value alone",
                what, instead ? instead : "", instead ? ", or " : "");
  return t;
}

static double read_number(lua_State *L, int index, const char *what, const char *instead) {
  double f = lua_tonumber(L, index);
  if (lua_isinteger(L, index) && fabs(f) >= 0x1p53 &&
      (f >= 0x1p63 || (int64_t)f != lua_tointeger(L, index)))
    gtlua_error(L, "%s expects a number that float64 can hold, got %lld", what,
                (long long)lua_tointeger(L, index));
  if (lua_type(L, index) == LUA_TNUMBER) return f;
  if (!gtlua_testtensor(L, index))
    gtlua_error(L, "%s expects a number, got %s", what, gtlua_got(L, index));
  gtlua_check(L, gt_item(gtlua_cx(L), number_tensor(L, index, what, instead), &f, NULL));
  return f;
}

static int64_t read_whole(lua_State *L, int index, const char *what) {
  int64_t i = 0;
  if (!gtlua_testtensor(L, index)) return gtlua_toint(L, index, what);
  gt_tensor *t = number_tensor(L, index, what, NULL);
  if (gt_dtype_is_float(t->dtype) || t->dtype == GT_BOOL)
    gtlua_error(L, "%s expects a whole number, got a %s tensor", what, gt_dtype_name(t->dtype));
  gtlua_check(L, gt_item(gtlua_cx(L), t, NULL, &i));
  return i;
}

void gtlua_read_setting(lua_State *L, const char *owner, const gt_setting *s, int index,
                        gt_value *out) {
  char what[96];
  gt_value value = {.given = true};
  snprintf(what, sizeof what, "%s: %s", owner, s->name);
  switch (s->type) {
  case GT_SETTING_INT:
    value.i = read_whole(L, index, what);
    break;
  case GT_SETTING_FLOAT:
    value.f = read_number(L, index, what, s->instead);
    break;
  case GT_SETTING_BOOL:
    if (lua_type(L, index) != LUA_TBOOLEAN)
      gtlua_error(L, "%s expects true or false, got %s", what, gtlua_typename(L, index));
    value.i = lua_toboolean(L, index);
    break;
  case GT_SETTING_DTYPE:
    value.i = gtlua_todtype_for(L, index, what);
    break;
  case GT_SETTING_DIMS:
    read_dims(L, index, what, &value.dims);
    break;
  case GT_SETTING_CHOICE:
    value.i = read_choice(L, index, what, s->choices);
    break;
  }
  gtlua_check(L, gt_setting_check(gtlua_cx(L), owner, s, &value));
  *out = value;
}

/* ---- push ---- */

void gtlua_push_setting(lua_State *L, const gt_setting *s, const gt_value *value) {
  size_t n;
  const char *word;
  switch (s->type) {
  case GT_SETTING_INT:
    if (value->given) return lua_pushinteger(L, value->i);
    break;
  case GT_SETTING_FLOAT:
    return lua_pushnumber(L, value->f);
  case GT_SETTING_BOOL:
    return lua_pushboolean(L, value->i != 0);
  case GT_SETTING_DTYPE:
    if (value->given) return gtlua_pushdtype(L, (gt_dtype)value->i);
    break;
  case GT_SETTING_DIMS:
    if (value->given) return gtlua_pushsize(L, value->dims.count, value->dims.at);
    break;
  case GT_SETTING_CHOICE:
    word = gt_choice_at(s->choices, value->i, &n);
    lua_pushlstring(L, word, n);
    return;
  }
  lua_pushnil(L);
}

static void set_text(lua_State *L, const char *key, const char *text) {
  lua_pushstring(L, text ? text : "");
  lua_setfield(L, -2, key);
}

static void set_flag(lua_State *L, const char *key, bool flag) {
  lua_pushboolean(L, flag);
  lua_setfield(L, -2, key);
}

/* The type as signatures write it: "integer", `"rms"|"layer"`. */
static void set_type(lua_State *L, const gt_setting *s) {
  static const char *const types[] = {"integer", "number", "boolean", "dtype", "integers"};
  luaL_Buffer text;
  if (s->type != GT_SETTING_CHOICE) return set_text(L, "type", types[s->type]);
  luaL_buffinit(L, &text);
  luaL_addchar(&text, '"');
  luaL_addgsub(&text, s->choices, "|", "\"|\"");
  luaL_addchar(&text, '"');
  luaL_pushresult(&text);
  lua_setfield(L, -2, "type");
}

static void set_bounds(lua_State *L, const gt_setting *s) {
  if (!(s->low < s->high)) return;
  lua_pushnumber(L, s->low);
  lua_setfield(L, -2, "low");
  lua_pushnumber(L, s->high);
  lua_setfield(L, -2, "high");
  set_flag(L, "above", false);
  set_flag(L, "below", s->below || isinf(s->high));
}

void gtlua_push_settings(lua_State *L, const gt_setting *list, int count) {
  lua_createtable(L, count, 0);
  for (int i = 0; i < count; i++) {
    const gt_setting *s = &list[i];
    lua_createtable(L, 0, 6);
    set_text(L, "name", s->name);
    set_type(L, s);
    set_bounds(L, s);
    set_text(L, "doc", s->doc);
    set_flag(L, "required", s->required);
    set_flag(L, "by_name", s->by_name);
    gtlua_push_setting(L, s, &s->preset);
    lua_setfield(L, -2, "default");
    lua_rawseti(L, -2, i + 1);
  }
}
