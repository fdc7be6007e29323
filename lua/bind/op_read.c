/* op_read.c: the arguments of an op as they stand on the Lua stack, by its descriptor alone. */
#include "lua/bind/op.h"

#include <stddef.h>
#include <stdio.h>
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
  case LUA_TBOOLEAN:
    out->scalar = true;
    out->dtype = GT_BOOL;
    out->f = lua_toboolean(L, index);
    out->i = lua_toboolean(L, index);
    return true;
  case LUA_TUSERDATA:
    if (!gtlua_testtensor(L, index)) return false;
    out->tensor = gtlua_totensor(L, index);
    return true;
  default:
    return false;
  }
}

static void read_dims(lua_State *L, int index, const char *what, gt_dims *out) {
  const gt_dims *size = luaL_testudata(L, index, GTLUA_SIZE);
  if (size) {
    *out = *size;
  } else if (lua_type(L, index) == LUA_TTABLE) {
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

/* The position of the text at index among "a|b|c". */
static int64_t read_choice(lua_State *L, int index, const char *what, const char *choices) {
  if (lua_type(L, index) == LUA_TSTRING) {
    size_t n;
    const char *text = lua_tolstring(L, index, &n);
    int64_t position = 0;
    for (const char *word = choices; word; position++) {
      const char *end = strchr(word, '|');
      size_t length = end ? (size_t)(end - word) : strlen(word);
      if (length == n && memcmp(word, text, n) == 0) return position;
      word = end ? end + 1 : NULL;
    }
  }
  const char *got = luaL_tolstring(L, index, NULL);
  gtlua_error(L, "%s expects one of %s, got %s", what, choices, got);
  return 0;
}

static double read_number(lua_State *L, int index, const char *what) {
  if (lua_type(L, index) == LUA_TNUMBER) return lua_tonumber(L, index);
  double f = 0;
  if (gtlua_testtensor(L, index))
    gtlua_check(L, gt_item(gtlua_cx(L), gtlua_totensor(L, index), &f, NULL));
  else
    gtlua_error(L, "%s expects a number, got %s", what, gtlua_typename(L, index));
  return f;
}

static void read_attr(lua_State *L, gtlua_call *c, int j, int index) {
  const gt_attr *attr = &c->op->attrs[j];
  gt_value *value = &c->attr[j];
  char what[96];
  snprintf(what, sizeof what, "%s: %s", c->op->name, attr->name);
  if (value->given) gtlua_error(L, "%s is given twice", what);
  value->given = true;
  switch (attr->type) {
  case GT_ATTR_INT:
    if (gtlua_testtensor(L, index))
      gtlua_check(L, gt_item(gtlua_cx(L), gtlua_totensor(L, index), NULL, &value->i));
    else
      value->i = gtlua_toint(L, index, what);
    break;
  case GT_ATTR_FLOAT:
    value->f = read_number(L, index, what);
    break;
  case GT_ATTR_BOOL:
    if (lua_type(L, index) != LUA_TBOOLEAN)
      gtlua_error(L, "%s expects true or false, got %s", what, gtlua_typename(L, index));
    value->i = lua_toboolean(L, index);
    break;
  case GT_ATTR_DTYPE:
    value->i = gtlua_todtype(L, index);
    break;
  case GT_ATTR_DIMS:
    read_dims(L, index, what, &value->dims);
    break;
  case GT_ATTR_CHOICE:
    value->i = read_choice(L, index, what, attr->choices);
    break;
  }
}

/* ---- read: arguments ---- */

/* Next attribute from position a on; a bare run of numbers fills a list.  Returns the position
 * after. */
static int read_positional(lua_State *L, gtlua_call *c, int a, int last) {
  const gt_op *op = c->op;
  if (c->next_attr >= op->attr_count) {
    bool size = false; /* B, T = x:size() */
    for (int i = 1; i < a; i++) size = size || luaL_testudata(L, i, GTLUA_SIZE);
    gtlua_error(L, "%s: too many arguments: argument %d is %s%s", op->name, a, gtlua_typename(L, a),
                size ? "; x:size() is one Size, local B, T = x:dims() are its numbers" : "");
  }
  int j = c->next_attr++;
  bool alone = j + 1 < op->attr_count &&
               (op->attrs[j + 1].type == GT_ATTR_INT || op->attrs[j + 1].type == GT_ATTR_FLOAT ||
                op->attrs[j + 1].type == GT_ATTR_DIMS);
  if (op->attrs[j].type != GT_ATTR_DIMS || lua_type(L, a) != LUA_TNUMBER || alone) {
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
                  gtlua_typename(L, -1));
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
        if (!gtlua_read_operand(L, at, &c->fixed[i]))
          gtlua_error(L, "%s: %s expects a tensor, got %s", c->op->name, key,
                      gtlua_typename(L, at));
        c->fixed[i].at = 0;
        if (c->nin <= i) c->nin = i + 1;
      } else {
        refuse_keyword(L, c, key);
      }
    }
    lua_settop(L, at - 1);
  }
}

/* Gives argument a to the next input; false when it must be an attribute. */
static bool read_input(lua_State *L, gtlua_call *c, int a) {
  const gt_op *op = c->op;
  if (op->nin < 0 || c->nin >= op->nin) return false;
  int type = lua_type(L, a);
  bool optional = c->bound->optional >> c->nin & 1u;
  bool tensor = gtlua_testtensor(L, a) != NULL;
  if (!tensor && optional && type != LUA_TNIL && op->attr_count > 0) return false;
  /* x:gather(dim, index): what no number can stand for waits for its tensor. */
  bool number = type == LUA_TNUMBER && !(op->numeric >> c->nin & 1u);
  if (number && c->nin > 0 && c->next_attr < op->attr_count) return false;
  if (type == LUA_TNIL && optional) {
    c->nin++;
    return true;
  }
  if (!gtlua_read_operand(L, a, &c->fixed[c->nin]))
    gtlua_error(L, "%s: %s expects a tensor, got %s", op->name, c->bound->names[c->nin],
                gtlua_typename(L, a));
  c->nin++;
  return true;
}

/* The inputs of a variadic op: the tensors of a table, or those that stand first.  Returns the
 * position after. */
static int read_variadic(lua_State *L, gtlua_call *c, int top) {
  if (top > 0 && lua_type(L, 1) == LUA_TTABLE) {
    read_list(L, c, 1, 0, (int)lua_rawlen(L, 1));
    return 2;
  }
  int run = 0;
  while (run < top && gtlua_testtensor(L, run + 1)) run++;
  read_list(L, c, 0, 1, run);
  return run + 1;
}

/* An empty table in the place of an attribute that need not be given says nothing. */
static bool says_nothing(lua_State *L, const gtlua_call *c, int a, int keywords) {
  if (lua_type(L, a) != LUA_TTABLE || lua_rawlen(L, a) > 0) return false;
  return a == keywords || c->next_attr >= c->op->attr_count || !c->op->attrs[c->next_attr].required;
}

void gtlua_start_call(gtlua_call *c, const gtlua_bound *bound) {
  memset(c, 0, offsetof(gtlua_call, listed));
  c->bound = bound;
  c->op = bound->op;
}

void gtlua_fill_attrs(lua_State *L, gtlua_call *c) {
  for (int j = 0; j < c->op->attr_count; j++) {
    const gt_attr *attr = &c->op->attrs[j];
    if (c->attr[j].given) continue;
    if (attr->required) gtlua_error(L, "%s: %s is missing", c->op->name, attr->name);
    c->attr[j] = attr->fallback;
  }
}

void gtlua_read_call(lua_State *L, const gtlua_bound *bound, gtlua_call *c) {
  gtlua_start_call(c, bound);
  const gt_op *op = c->op;
  int top = lua_gettop(L), a = 1, keywords = 0;
  if (top > 0 && lua_type(L, top) == LUA_TTABLE && gtlua_has_keywords(L, top)) keywords = top;
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
  for (int i = 0; i < op->nin; i++)
    if (!c->fixed[i].tensor && !c->fixed[i].scalar && !(bound->optional >> i & 1u))
      gtlua_error(L, "%s: expects (%s), %s is missing", op->name, op->inputs, bound->names[i]);
  gtlua_fill_attrs(L, c);
}
