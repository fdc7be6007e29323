/* op_read.c: the arguments of an op as they are on the Lua stack, by its descriptor alone. */
#include "lua/bind/op.h"
#include "lua/bind/setting.h"

#include <stddef.h>
#include <string.h>

/* ---- read: values ---- */

bool gtlua_read_operand(lua_State *L, int index, gtlua_operand *out) {
  *out = (gtlua_operand){.at = index > 0 ? index : 0};
  switch (lua_type(L, index)) {
  case LUA_TNUMBER:
    out->scalar = true;
    out->dtype = lua_isinteger(L, index) ? GT_I64 : GT_F64;
    out->f = lua_tonumber(L, index);
    out->i = lua_isinteger(L, index) ? lua_tointeger(L, index) : 0;
    return true;
  case LUA_TUSERDATA:
    if (!gtlua_testtensor(L, index)) return false;
    out->tensor = gtlua_totensor(L, index);
    return true;
  default:
    return false;
  }
}

/* The value at index as input i: a boolean only where the op has a use for it, since it is most
 * often what Lua's == gave. */
static void read_input_at(lua_State *L, gtlua_call *c, int i, int index) {
  gtlua_operand *o = &c->fixed[i];
  const gt_tensor *first = c->fixed[0].tensor;
  if (gtlua_read_operand(L, index, o)) return;
  if (lua_type(L, index) == LUA_TBOOLEAN && c->op->truth >> i & 1u && first &&
      first->dtype == GT_BOOL) {
    *o = (gtlua_operand){.scalar = true, .dtype = GT_BOOL, .i = lua_toboolean(L, index)};
    return;
  }
  gtlua_error(L, "%s: %s expects a tensor, got %s", c->op->name, c->bound->names[i],
              gtlua_got(L, index));
}

static void read_attr(lua_State *L, gtlua_call *c, int j, int index) {
  const gt_setting *attr = &c->op->attrs[j];
  if (c->attr[j].given) gtlua_error(L, "%s: %s is given twice", c->op->name, attr->name);
  gtlua_read_setting(L, c->op->name, attr, index, &c->attr[j]);
}

/* ---- read: arguments ---- */

/* Raises: the op has no position for argument a. */
static void refuse_position(lua_State *L, const gtlua_call *c, int a) {
  const gt_op *op = c->op;
  const char *got = gtlua_typename(L, a);
  bool size = false; /* B, T = x:size() */
  for (int i = 1; i < a; i++) size = size || luaL_testudata(L, i, GTLUA_SIZE);
  luaL_Buffer names;
  luaL_buffinit(L, &names);
  int named = 0;
  for (int j = 0; j < op->attr_count; j++) {
    if (!op->attrs[j].by_name) continue;
    luaL_addstring(&names, named++ ? ", " : "; by name it takes {");
    luaL_addstring(&names, op->attrs[j].name);
    luaL_addstring(&names, " = …");
  }
  luaL_addstring(&names, named ? "}" : "");
  if (size) luaL_addstring(&names, "; x:size() is one Size, local B, T = x:dims() are its numbers");
  luaL_pushresult(&names);
  gtlua_error(L, "%s: too many arguments: argument %d is %s%s", op->name, a, got,
              lua_tostring(L, -1));
}

/* Next attribute from position a on; a bare run of numbers fills a list.  Returns the position
 * after. */
static int read_positional(lua_State *L, gtlua_call *c, int a, int last) {
  const gt_op *op = c->op;
  if (c->next_attr >= op->attr_count || op->attrs[c->next_attr].by_name) refuse_position(L, c, a);
  int j = c->next_attr++;
  bool alone = j + 1 < op->attr_count && (op->attrs[j + 1].type == GT_SETTING_INT ||
                                          op->attrs[j + 1].type == GT_SETTING_FLOAT ||
                                          op->attrs[j + 1].type == GT_SETTING_DIMS);
  if (op->attrs[j].type != GT_SETTING_DIMS || lua_type(L, a) != LUA_TNUMBER || alone) {
    read_attr(L, c, j, a);
    return a + 1;
  }
  read_attr(L, c, j, a++);
  gt_dims *dims = &c->attr[j].dims;
  for (; a <= last && lua_type(L, a) == LUA_TNUMBER; a++) {
    if (dims->count == GT_MAX_DIM)
      gtlua_error(L, "%s: %s takes at most %d numbers", op->name, op->attrs[j].name, GT_MAX_DIM);
    dims->at[dims->count++] = gtlua_toint(L, a, op->name);
  }
  return a;
}

/* Tensors of the array part of the table at `index`, or of positions first…last, as the inputs of a
 * variadic op. */
static void read_list(lua_State *L, gtlua_call *c, int table, int first, int count) {
  c->list = count <= GTLUA_MOST_LISTED ? c->listed
                                       : lua_newuserdatauv(L, (size_t)count * sizeof *c->list, 0);
  for (int i = 0; i < count; i++) {
    if (table)
      lua_rawgeti(L, table, i + 1);
    else
      lua_pushvalue(L, first + i);
    if (!gtlua_testtensor(L, -1))
      gtlua_error(L, "%s: item %d is not a tensor but %s", c->op->name, table ? i + 1 : i,
                  gtlua_got(L, -1));
    c->list[i] = gtlua_totensor(L, -1);
    lua_pop(L, 1);
  }
  c->nin = count;
}

/* Raises: the op has no such keyword; says which it has. */
static void refuse_keyword(lua_State *L, const gtlua_call *c, const char *key) {
  const char *names[GTLUA_MOST_FIXED + GT_MAX_ATTR + 1];
  int n = 0;
  luaL_Buffer accepted;
  luaL_buffinit(L, &accepted);
  for (int j = 0; j < c->op->attr_count; j++) {
    luaL_addstring(&accepted, n ? ", " : "");
    luaL_addstring(&accepted, names[n++] = c->op->attrs[j].name);
  }
  luaL_pushresult(&accepted);
  for (int i = 0; c->op->nin >= 0 && i < c->op->nin; i++) names[n++] = c->bound->names[i];
  names[n] = NULL;
  char hint[96];
  const char *list = lua_tostring(L, -1);
  gtlua_error(L, "%s has no argument '%s'%s; it takes %s", c->op->name, key,
              gtlua_suggest(key, names, hint), *list ? list : "no keywords");
}

/* The string keys of the table at index: attributes, or inputs by name. */
static void read_keywords(lua_State *L, gtlua_call *c, int table) {
  lua_pushnil(L);
  while (lua_next(L, table)) {
    int at = lua_gettop(L);
    if (lua_type(L, at - 1) == LUA_TSTRING) {
      const char *key = lua_tostring(L, at - 1);
      int j = 0, i = 0;
      while (j < c->op->attr_count && strcmp(c->op->attrs[j].name, key) != 0) j++;
      while (i < c->op->nin && strcmp(c->bound->names[i], key) != 0) i++;
      if (j < c->op->attr_count) {
        read_attr(L, c, j, at);
      } else if (i < c->op->nin) {
        if (c->fixed[i].tensor || c->fixed[i].scalar)
          gtlua_error(L, "%s: %s is given twice", c->op->name, key);
        read_input_at(L, c, i, at);
        c->fixed[i].at = 0;
        if (c->nin <= i) c->nin = i + 1;
      } else {
        refuse_keyword(L, c, key);
      }
    }
    lua_settop(L, at - 1);
  }
}

/* Raises when the table of argument a has names and is not the last one, or keys that are neither
 * names nor 1, 2, …: none of them would be read. */
static void refuse_unread(lua_State *L, const gtlua_call *c, int a, int keywords) {
  if (!gtlua_is_plain(L, a)) return;
  if (a != keywords && gtlua_has_keywords(L, a))
    gtlua_error(L, "%s: keywords go last, in one table; argument %d is a table with names",
                c->op->name, a);
  gtlua_check_list(L, a, c->op->name, true);
}

/* Gives argument a to the next input; false when it must be an attribute. */
static bool read_input(lua_State *L, gtlua_call *c, int a) {
  const gt_op *op = c->op;
  if (op->nin < 0 || c->nin >= op->nin) return false;
  int type = lua_type(L, a);
  bool optional = c->bound->optional >> c->nin & 1u;
  /* x:gather(dim, index): an input that cannot be a number waits for its tensor. */
  bool number = type == LUA_TNUMBER && !(op->numeric >> c->nin & 1u);
  if (number && c->nin > 0 && c->next_attr < op->attr_count && !op->attrs[c->next_attr].by_name)
    return false;
  if (type == LUA_TNIL && optional) {
    c->nin++;
    return true;
  }
  read_input_at(L, c, c->nin++, a);
  return true;
}

/* The inputs of a variadic op: the tensors of a table, or the leading arguments.  Returns the
 * position after. */
static int read_variadic(lua_State *L, gtlua_call *c, int top) {
  if (top > 0 && lua_type(L, 1) == LUA_TTABLE) {
    read_list(L, c, 1, 0, (int)lua_rawlen(L, 1));
    return 2;
  }
  int run = 0;
  while (run < top && gtlua_testtensor(L, run + 1)) run++;
  if (run == 0 && top > 0)
    gtlua_error(L, "%s: expected tensors, got %s", c->op->name, gtlua_got(L, 1));
  read_list(L, c, 0, 1, run);
  return run + 1;
}

/* The table of keywords, and an empty one in the place of what is no list and need not be given,
 * say nothing by position. */
static bool says_nothing(lua_State *L, const gtlua_call *c, int a, int keywords) {
  if (!gtlua_is_plain(L, a) || lua_rawlen(L, a) > 0) return false;
  if (a == keywords || c->next_attr >= c->op->attr_count) return true;
  const gt_setting *next = &c->op->attrs[c->next_attr];
  return !next->required && next->type != GT_SETTING_DIMS;
}

void gtlua_start_call(gtlua_call *c, const gtlua_bound *bound) {
  memset(c, 0, offsetof(gtlua_call, listed));
  c->bound = bound;
  c->op = bound->op;
}

void gtlua_fill_attrs(lua_State *L, gtlua_call *c) {
  for (int j = 0; j < c->op->attr_count; j++) {
    const gt_setting *attr = &c->op->attrs[j];
    if (c->attr[j].given) continue;
    if (attr->required) gtlua_error(L, "%s: %s is missing", c->op->name, attr->name);
    c->attr[j] = attr->preset;
  }
}

void gtlua_read_call(lua_State *L, const gtlua_bound *bound, gtlua_call *c) {
  gtlua_start_call(c, bound);
  const gt_op *op = c->op;
  int top = lua_gettop(L), a = 1, keywords = 0;
  while (top > 1 && lua_isnil(L, top) && gtlua_is_plain(L, top - 1)) top--;
  if (top > 0 && gtlua_is_plain(L, top) && gtlua_has_keywords(L, top)) keywords = top;
  for (int i = 1; i <= top; i++) refuse_unread(L, c, i, keywords);
  if (op->nin < 0) a = read_variadic(L, c, top);
  while (a <= top) {
    if (says_nothing(L, c, a, keywords) || read_input(L, c, a))
      a++;
    else if (lua_type(L, a) == LUA_TNIL)
      a++, c->next_attr++;
    else
      a = read_positional(L, c, a, top);
  }
  if (keywords) read_keywords(L, c, keywords);
  bool method = top == 0 && op->where && strstr(op->where, "method");
  for (int i = 0; i < op->nin; i++)
    if (!c->fixed[i].tensor && !c->fixed[i].scalar && !(bound->optional >> i & 1u))
      gtlua_error(L, "%s: expects (%s), %s is missing%s%s%s", op->name, op->inputs, bound->names[i],
                  method ? "; as a method x:" : "", method ? op->name : "", method ? "(…)" : "");
  gtlua_fill_attrs(L, c);
}
