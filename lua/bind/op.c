/* op.c: every op of the table as a Lua function, from its descriptor alone.
 *
 * One closure calls any op: tensors first, then attributes in the order of the schema, then a table of keywords
 * (attributes or inputs by name).  Places: torch.ops.NAME always; torch.NAME, F.NAME and t:NAME() as `where` says;
 * t:NAME_() for elementwise ops; operators by name. */
#include "lua/bind/tensor.h"

#include <stdio.h>
#include <string.h>

#define MOST_FIXED 16  /* inputs of an op that is not variadic */
#define MOST_LISTED 64 /* inputs of a variadic op held on the C stack; more go to a userdata */

/* What a closure knows of its op: the descriptor and its input names, split once. */
typedef struct bound_op {
  const gt_op *op;
  const char *names[MOST_FIXED + 1]; /* of the inputs, then NULL; "x?" is optional */
  unsigned optional;
} bound_op;

/* An input: a tensor (borrowed from the stack) or a number that is still to become one. */
typedef struct operand {
  gt_tensor *tensor;
  int at; /* stack position, 0 if it came from inside a table */
  bool scalar;
  gt_dtype dtype;
  double f;
  int64_t i;
} operand;

typedef struct call {
  const bound_op *bound;
  const gt_op *op;
  int nin; /* inputs read so far (the next to fill) */
  operand fixed[MOST_FIXED];
  gt_tensor **list; /* (nin) of a variadic op */
  gt_tensor *listed[MOST_LISTED];
  gt_value attr[GT_MAX_ATTR];
  int next_attr;
} call;

/* ---- read: values ---- */

static bool read_operand(lua_State *L, int index, operand *out) {
  *out = (operand){.at = index > 0 ? index : 0};
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
  default: return false;
  }
}

static void read_dims(lua_State *L, int index, const char *what, gt_dims *out) {
  const gt_dims *size = luaL_testudata(L, index, GTLUA_SIZE);
  if (size) {
    *out = *size;
  } else if (lua_type(L, index) == LUA_TTABLE) {
    lua_Unsigned n = lua_rawlen(L, index);
    if (n > GT_MAX_DIM) gtlua_error(L, "%s expects at most %d numbers, got a longer table", what, GT_MAX_DIM);
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

static void read_attr(lua_State *L, call *c, int j, int index) {
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
  case GT_ATTR_FLOAT: value->f = read_number(L, index, what); break;
  case GT_ATTR_BOOL:
    if (lua_type(L, index) != LUA_TBOOLEAN) gtlua_error(L, "%s expects true or false, got %s", what, gtlua_typename(L, index));
    value->i = lua_toboolean(L, index);
    break;
  case GT_ATTR_DTYPE: value->i = gtlua_todtype(L, index); break;
  case GT_ATTR_DIMS: read_dims(L, index, what, &value->dims); break;
  case GT_ATTR_CHOICE: value->i = read_choice(L, index, what, attr->choices); break;
  }
}

/* ---- read: arguments ---- */

/* Next attribute from position a on; a bare run of numbers fills a list.  Returns the position after. */
static int read_positional(lua_State *L, call *c, int a, int last) {
  const gt_op *op = c->op;
  if (c->next_attr >= op->attr_count) {
    gtlua_error(L, "%s: too many arguments: argument %d is %s", op->name, a, gtlua_typename(L, a));
  }
  int j = c->next_attr++;
  bool alone = j + 1 < op->attr_count && (op->attrs[j + 1].type == GT_ATTR_INT || op->attrs[j + 1].type == GT_ATTR_FLOAT ||
                                          op->attrs[j + 1].type == GT_ATTR_DIMS);
  if (op->attrs[j].type != GT_ATTR_DIMS || lua_type(L, a) != LUA_TNUMBER || alone) {
    read_attr(L, c, j, a);
    return a + 1;
  }
  read_attr(L, c, j, a++);
  gt_dims *dims = &c->attr[j].dims;
  for (; a <= last && lua_type(L, a) == LUA_TNUMBER; a++) {
    if (dims->count == GT_MAX_DIM) gtlua_error(L, "%s: %s takes at most %d numbers", op->name, op->attrs[j].name, GT_MAX_DIM);
    dims->at[dims->count++] = gtlua_toint(L, a, op->name);
  }
  return a;
}

/* Tensors of the array part of the table at `index`, or of positions first…last, as the inputs of a variadic op. */
static void read_list(lua_State *L, call *c, int table, int first, int count) {
  c->list = count <= MOST_LISTED ? c->listed : lua_newuserdatauv(L, (size_t)count * sizeof *c->list, 0);
  for (int i = 0; i < count; i++) {
    if (table)
      lua_rawgeti(L, table, i + 1);
    else
      lua_pushvalue(L, first + i);
    if (!gtlua_testtensor(L, -1))
      gtlua_error(L, "%s: item %d is not a tensor but %s", c->op->name, table ? i + 1 : i, gtlua_typename(L, -1));
    c->list[i] = gtlua_totensor(L, -1);
    lua_pop(L, 1);
  }
  c->nin = count;
}

/* Raises: the op has no such keyword; says which it has. */
static void refuse_keyword(lua_State *L, const call *c, const char *key) {
  const char *names[MOST_FIXED + GT_MAX_ATTR + 1];
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
  gtlua_error(L, "%s has no argument '%s'%s; it takes %s", c->op->name, key, gtlua_suggest(key, names, hint),
              *list ? list : "no keywords");
}

/* The string keys of the table at index: attributes, or inputs by name. */
static void read_keywords(lua_State *L, call *c, int table) {
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
        if (c->fixed[i].tensor || c->fixed[i].scalar) gtlua_error(L, "%s: %s is given twice", c->op->name, key);
        if (!read_operand(L, at, &c->fixed[i]))
          gtlua_error(L, "%s: %s expects a tensor, got %s", c->op->name, key, gtlua_typename(L, at));
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
static bool read_input(lua_State *L, call *c, int a) {
  const gt_op *op = c->op;
  if (op->nin < 0 || c->nin >= op->nin) return false;
  int type = lua_type(L, a);
  bool optional = c->bound->optional >> c->nin & 1u;
  bool tensor = gtlua_testtensor(L, a) != NULL;
  if (!tensor && optional && type != LUA_TNIL && op->attr_count > 0) return false;
  if (type == LUA_TNIL && optional) {
    c->nin++;
    return true;
  }
  if (!read_operand(L, a, &c->fixed[c->nin]))
    gtlua_error(L, "%s: %s expects a tensor, got %s", op->name, c->bound->names[c->nin], gtlua_typename(L, a));
  c->nin++;
  return true;
}

/* Reads everything on the stack into c.  Raises; holds nothing. */
static void read_call(lua_State *L, const bound_op *bound, call *c) {
  const gt_op *op = bound->op;
  memset(c, 0, offsetof(call, listed));
  c->bound = bound;
  c->op = op;
  c->next_attr = 0;
  for (int j = 0; j < op->attr_count; j++) c->attr[j] = (gt_value){.given = false};
  int top = lua_gettop(L), a = 1, keywords = 0;
  if (top > 0 && lua_type(L, top) == LUA_TTABLE && gtlua_has_keywords(L, top)) keywords = top;
  if (op->nin < 0) {
    int run = 0;
    while (run < top && gtlua_testtensor(L, run + 1)) run++;
    bool table = run == 0 && top > 0 && lua_type(L, 1) == LUA_TTABLE;
    read_list(L, c, table ? 1 : 0, 1, table ? (int)lua_rawlen(L, 1) : run);
    a = table ? 2 : run + 1;
  }
  while (a <= top) {
    bool table = lua_type(L, a) == LUA_TTABLE;
    if (table && lua_rawlen(L, a) == 0 && (a == keywords || c->next_attr >= op->attr_count || !op->attrs[c->next_attr].required))
      a++;
    else if (read_input(L, c, a))
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
  for (int j = 0; j < op->attr_count; j++) {
    if (c->attr[j].given) continue;
    if (op->attrs[j].required) gtlua_error(L, "%s: %s is missing", op->name, op->attrs[j].name);
    c->attr[j] = op->attrs[j].fallback;
  }
}

/* ---- act and publish ---- */

static gt_status run_once(gt_ctx *cx, call *c, bool in_place, gt_tensor **out) {
  gt_tensor *in[MOST_FIXED] = {NULL};
  gt_tensor *made[MOST_FIXED] = {NULL};
  gt_tensor *const *inputs = c->list ? c->list : in;
  int nin = c->list ? c->nin : c->op->nin;
  gt_status status = GT_OK;
  for (int i = 0; !c->list && i < nin; i++) {
    const operand *o = &c->fixed[i];
    in[i] = o->tensor;
    if (!o->scalar) continue;
    status = gt_tensor_scalar(cx, o->dtype, o->f, o->i, &made[i]);
    if (status != GT_OK) goto out;
    in[i] = made[i];
  }
  if (in_place)
    status = gt_run_into(cx, c->op, inputs, nin, c->attr, inputs[0]);
  else
    status = gt_run(cx, c->op, inputs, nin, c->attr, out);
out:
  for (int i = 0; i < MOST_FIXED; i++) gt_tensor_unref(cx, made[i]);
  return status;
}

static int first_bit(unsigned mask) {
  int i = 0;
  while (!(mask >> i & 1u)) i++;
  return i;
}

/* Runs a call that was read; leaves its results on the stack and returns their number. */
static int perform(lua_State *L, call *c, bool in_place) {
  const gt_op *op = c->op;
  gt_ctx *cx = gtlua_cx(L);
  int nout = in_place ? 0 : gt_op_results(op);
  luaL_checkstack(L, nout + 4, op->name);
  gt_tensor **box[GT_MAX_OUT];
  for (int i = 0; i < nout; i++) box[i] = gtlua_box(L);
  gtlua_pressure(L);
  gt_tensor *out[GT_MAX_OUT] = {NULL};
  gt_status status;
  GTLUA_RETRY(L, status, run_once(cx, c, in_place, out));
  for (int i = 0; status == GT_OK && i < nout; i++) *box[i] = out[i];
  gtlua_check(L, status);
  if (nout > 0) return nout;
  int i = op->writes ? first_bit(op->writes) : 0;
  if (c->list)
    gtlua_pushtensor(L, c->list[i]);
  else if (c->fixed[i].at)
    lua_pushvalue(L, c->fixed[i].at);
  else
    gtlua_pushtensor(L, c->fixed[i].tensor);
  return 1;
}

static int op_call(lua_State *L) {
  call c;
  read_call(L, lua_touserdata(L, lua_upvalueindex(1)), &c);
  return perform(L, &c, false);
}

/* t:max(), t:max(dim), torch.max(a, b): three ops under one name.  Upvalues: by dim, whole, of two. */
static int op_extreme(lua_State *L) {
  int which = lua_gettop(L) < 2 ? 2 : gtlua_testtensor(L, 2) ? 3 : 1;
  call c;
  read_call(L, lua_touserdata(L, lua_upvalueindex(which)), &c);
  return perform(L, &c, false);
}

static int op_call_in_place(lua_State *L) {
  call c;
  read_call(L, lua_touserdata(L, lua_upvalueindex(1)), &c);
  if (c.op->nin == 0 || (!c.list && !c.fixed[0].tensor))
    return gtlua_error(L, "%s_: expects a tensor to change, got %s", c.op->name, gtlua_typename(L, 1));
  return perform(L, &c, true);
}

/* Operators: both operands must be tensors, numbers or booleans. */
static int op_operator(lua_State *L) {
  const bound_op *bound = lua_touserdata(L, lua_upvalueindex(1));
  call c;
  memset(&c, 0, offsetof(call, listed));
  c.bound = bound;
  c.op = bound->op;
  for (int i = 0; i < bound->op->nin; i++)
    if (!read_operand(L, i + 1, &c.fixed[i]))
      return gtlua_error(L, "%s: expected a tensor or a number, got %s", bound->op->name, gtlua_typename(L, i + 1));
  for (int j = 0; j < bound->op->attr_count; j++) c.attr[j] = bound->op->attrs[j].fallback;
  return perform(L, &c, false);
}

void gtlua_apply(lua_State *L, const char *op, gt_tensor *const *in, int nin, const gt_arg *args) {
  gt_tensor **box = gtlua_box(L);
  gtlua_pressure(L);
  gt_status status;
  GTLUA_RETRY(L, status, gt_apply(gtlua_cx(L), op, in, nin, args, box));
  gtlua_check(L, status);
}

/* ---- what help() and the tests read of a descriptor ---- */

static void push_value(lua_State *L, const gt_attr *attr) {
  const gt_value *v = &attr->fallback;
  bool set = v->given || attr->type == GT_ATTR_FLOAT || attr->type == GT_ATTR_BOOL || attr->type == GT_ATTR_CHOICE;
  if (!set) {
    lua_pushnil(L);
    return;
  }
  switch (attr->type) {
  case GT_ATTR_INT: lua_pushinteger(L, v->i); break;
  case GT_ATTR_FLOAT: lua_pushnumber(L, v->f); break;
  case GT_ATTR_BOOL: lua_pushboolean(L, v->i != 0); break;
  case GT_ATTR_DTYPE: gtlua_pushdtype(L, (gt_dtype)v->i); break;
  case GT_ATTR_DIMS: gtlua_pushsize(L, v->dims.count, v->dims.at); break;
  case GT_ATTR_CHOICE: {
    const char *word = attr->choices;
    for (int64_t i = 0; i < v->i && strchr(word, '|'); i++) word = strchr(word, '|') + 1;
    lua_pushlstring(L, word, strcspn(word, "|"));
  }
  }
}

static void set_text(lua_State *L, const char *key, const char *text) {
  lua_pushstring(L, text);
  lua_setfield(L, -2, key);
}

/* describe(function) -> {name, doc, inputs, where, elementwise, attrs = {{name, type, default, doc, required}}} or nil */
int gtlua_describe_op(lua_State *L) {
  static const char *const types[] = {"integer", "number", "boolean", "dtype", "integers", "choice"};
  lua_CFunction f = lua_tocfunction(L, 1);
  if ((f != op_call && f != op_call_in_place && f != op_extreme) || !lua_getupvalue(L, 1, 1)) return 0;
  const gt_op *op = ((const bound_op *)lua_touserdata(L, -1))->op;
  lua_createtable(L, 0, 8);
  set_text(L, "name", op->name);
  set_text(L, "doc", op->doc ? op->doc : "");
  set_text(L, "inputs", op->inputs);
  set_text(L, "where", op->where ? op->where : "");
  lua_pushboolean(L, f == op_call_in_place);
  lua_setfield(L, -2, "in_place");
  lua_pushboolean(L, op->elementwise);
  lua_setfield(L, -2, "elementwise");
  lua_pushinteger(L, gt_op_results(op));
  lua_setfield(L, -2, "outputs");
  lua_createtable(L, op->attr_count, 0);
  for (int j = 0; j < op->attr_count; j++) {
    const gt_attr *attr = &op->attrs[j];
    lua_createtable(L, 0, 5);
    set_text(L, "name", attr->name);
    set_text(L, "type", attr->type == GT_ATTR_CHOICE ? attr->choices : types[attr->type]);
    set_text(L, "doc", attr->doc ? attr->doc : "");
    lua_pushboolean(L, attr->required);
    lua_setfield(L, -2, "required");
    push_value(L, attr);
    lua_setfield(L, -2, "default");
    lua_rawseti(L, -2, j + 1);
  }
  lua_setfield(L, -2, "attrs");
  return 1;
}

/* ---- registration ---- */

/* Splits "x, weight?" into names; the texts live in the userdata block `text`, which is anchored in the registry. */
static void bind_names(bound_op *bound, const gt_op *op, char **text) {
  bound->op = op;
  const char *p = op->inputs ? op->inputs : "";
  for (int i = 0; i < op->nin && i < MOST_FIXED; i++) {
    bound->names[i] = *text;
    while (*p == ' ' || *p == ',') p++;
    while (*p && *p != ',' && *p != '?' && *p != ' ') *(*text)++ = *p++;
    if (*p == '?') bound->optional |= 1u << i, p++;
    *(*text)++ = '\0';
  }
}

static bool has_word(const char *words, const char *word) {
  size_t n = strlen(word);
  for (const char *p = words; p && (p = strstr(p, word)); p += n)
    if ((p == words || p[-1] == ' ') && (p[n] == '\0' || p[n] == ' ')) return true;
  return false;
}

/* table[name] = the value on top, unless something hand-written is there; pops it. */
static void set_if_absent(lua_State *L, int table, const char *name) {
  lua_pushstring(L, name);
  lua_pushvalue(L, -1);
  if (lua_rawget(L, table) != LUA_TNIL) {
    lua_pop(L, 3);
    return;
  }
  lua_pop(L, 1);
  lua_insert(L, -2);
  lua_rawset(L, table);
}

/* Functions of torch and methods that are written in Lua: torch.functions of the embedded library. */
static void open_late(lua_State *L, int torch, int methods) {
  static const char *const names[] = {"stack",   "unbind",   "split",     "chunk",         "narrow",   "flatten",   "t",
                                      "movedim", "swapaxes", "expand_as", "view_as",       "reshape_as", "type_as", "clip",
                                      "mm",      "bmm",      "mv",        "dot",           "equal",    "isclose",   "allclose",
                                      "argsort", "quantile", "median",    "count_nonzero", "multinomial"};
  for (int i = 0; i < GT_COUNT(names); i++) {
    gtlua_pushlate(L, "torch.functions", names[i]);
    lua_pushvalue(L, -1);
    set_if_absent(L, torch, names[i]);
    set_if_absent(L, methods, names[i]);
  }
}

static void place(lua_State *L, bound_op *bound, int torch, int ops, int functional, int methods) {
  const gt_op *op = bound->op;
  const char *where = op->where ? op->where : "torch";
  lua_pushlightuserdata(L, bound);
  lua_pushcclosure(L, op_call, 1);
  lua_pushvalue(L, -1);
  lua_setfield(L, ops, op->name);
  if (*where) {
    lua_pushvalue(L, -1);
    set_if_absent(L, torch, op->name);
  }
  if (has_word(where, "F")) {
    lua_pushvalue(L, -1);
    set_if_absent(L, functional, op->name);
  }
  if (has_word(where, "method")) {
    lua_pushvalue(L, -1);
    set_if_absent(L, methods, op->name);
  }
  lua_pop(L, 1);
  if (!op->elementwise || !*where) return;
  lua_pushfstring(L, "%s_", op->name);
  lua_pushlightuserdata(L, bound);
  lua_pushcclosure(L, op_call_in_place, 1);
  set_if_absent(L, methods, lua_tostring(L, -2));
  lua_pop(L, 1);
}

static void open_operators(lua_State *L, bound_op *bound) {
  static const char *const operators[][2] = {
      {"__add", "add"},          {"__sub", "sub"},         {"__mul", "mul"},
      {"__div", "div"},          {"__idiv", "floor_divide"}, {"__mod", "remainder"},
      {"__pow", "pow"},          {"__unm", "neg"},         {"__band", "bitwise_and"},
      {"__bor", "bitwise_or"},   {"__bxor", "bitwise_xor"}, {"__bnot", "bitwise_not"},
      {"__shl", "bitwise_left_shift"}, {"__shr", "bitwise_right_shift"}};
  gt_ctx *cx = gtlua_cx(L);
  luaL_getmetatable(L, GTLUA_TENSOR);
  for (int i = 0; i < GT_COUNT(operators); i++) {
    int index = gt_op_find(cx, operators[i][1]);
    if (index < 0) continue;
    lua_pushlightuserdata(L, &bound[index]);
    lua_pushcclosure(L, op_operator, 1);
    lua_setfield(L, -2, operators[i][0]);
  }
  lua_pop(L, 1);
}

static void open_extremes(lua_State *L, bound_op *bound, int torch, int methods) {
  static const char *const names[][3] = {{"max", "amax", "maximum"}, {"min", "amin", "minimum"}};
  for (int i = 0; i < GT_COUNT(names); i++) {
    int found = 0;
    for (int k = 0; k < 3; k++) {
      int index = gt_op_find(gtlua_cx(L), names[i][k]);
      if (index < 0) break;
      lua_pushlightuserdata(L, &bound[index]);
      found++;
    }
    if (found < 3) {
      lua_pop(L, found);
      continue;
    }
    lua_pushcclosure(L, op_extreme, 3);
    lua_pushvalue(L, -1);
    lua_setfield(L, torch, names[i][0]);
    lua_setfield(L, methods, names[i][0]);
  }
}

void gtlua_open_ops(lua_State *L) {
  gt_ctx *cx = gtlua_cx(L);
  int torch = lua_gettop(L);
  size_t texts = 0;
  for (int i = 0; i < cx->op_count; i++) texts += strlen(cx->ops[i]->inputs ? cx->ops[i]->inputs : "") + MOST_FIXED;
  size_t size = (size_t)cx->op_count * sizeof(bound_op);
  bound_op *bound = lua_newuserdatauv(L, size + texts, 0);
  memset(bound, 0, size + texts);
  char *text = (char *)bound + size;
  lua_setfield(L, LUA_REGISTRYINDEX, "gt.ops");
  gtlua_namespace(L, "torch.ops");
  int ops = lua_gettop(L);
  gtlua_namespace(L, "F");
  int functional = lua_gettop(L);
  lua_getfield(L, torch, "Tensor");
  int methods = lua_gettop(L);
  open_extremes(L, bound, torch, methods);
  for (int i = 0; i < cx->op_count; i++) {
    bind_names(&bound[i], cx->ops[i], &text);
    place(L, &bound[i], torch, ops, functional, methods);
  }
  open_operators(L, bound);
  open_late(L, torch, methods);
  lua_pop(L, 1);
  lua_setglobal(L, "F");
  lua_setfield(L, torch, "ops");
}
