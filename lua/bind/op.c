/* op.c: every op of the table as a Lua function, from its descriptor alone.
 *
 * One closure calls any op.  Places: torch.ops.NAME always; torch.NAME, F.NAME and t:NAME() as
 * `where` says; t:NAME_() for elementwise ops; operators by name. */
#include "lua/bind/op.h"
#include "lua/bind/setting.h"
#include "lua/bind/tensor.h"

#include <string.h>

/* ---- act and publish ---- */

static gt_status run_once(gt_ctx *cx, gtlua_call *c, bool in_place, gt_tensor **out) {
  gt_tensor *in[GTLUA_MOST_FIXED] = {NULL};
  gt_tensor *made[GTLUA_MOST_FIXED] = {NULL};
  gt_tensor *const *inputs = c->list ? c->list : in;
  int nin = c->list ? c->nin : c->op->nin;
  gt_status status = GT_OK;
  for (int i = 0; !c->list && i < nin; i++) {
    const gtlua_operand *o = &c->fixed[i];
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
  for (int i = 0; i < GTLUA_MOST_FIXED; i++) gt_tensor_unref(cx, made[i]);
  return status;
}

static int first_bit(unsigned mask) {
  int i = 0;
  while (!(mask >> i & 1u)) i++;
  return i;
}

/* Runs a call that was read; leaves its results on the stack and returns their number. */
static int perform(lua_State *L, gtlua_call *c, bool in_place) {
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
  gtlua_call c;
  gtlua_read_call(L, lua_touserdata(L, lua_upvalueindex(1)), &c);
  return perform(L, &c, false);
}

/* t:max(), t:max(dim), torch.max(a, b): three ops under one name.  Upvalues: by dim, whole, of two.
 */
static int op_extreme(lua_State *L) {
  int which = lua_gettop(L) < 2 ? 2 : gtlua_testtensor(L, 2) ? 3 : 1;
  gtlua_call c;
  gtlua_read_call(L, lua_touserdata(L, lua_upvalueindex(which)), &c);
  return perform(L, &c, false);
}

static int op_call_in_place(lua_State *L) {
  gtlua_call c;
  gtlua_read_call(L, lua_touserdata(L, lua_upvalueindex(1)), &c);
  if (c.op->nin == 0 || (!c.list && !c.fixed[0].tensor))
    return gtlua_error(L, "%s_: expects a tensor to change, got %s", c.op->name, gtlua_got(L, 1));
  return perform(L, &c, true);
}

/* Operators: both operands must be tensors or numbers. */
static int op_operator(lua_State *L) {
  gtlua_call c;
  gtlua_start_call(&c, lua_touserdata(L, lua_upvalueindex(1)));
  for (int i = 0; i < c.op->nin; i++)
    if (!gtlua_read_operand(L, i + 1, &c.fixed[i]))
      return gtlua_error(L, "%s: expected a tensor or a number, got %s", c.op->name,
                         gtlua_got(L, i + 1));
  gtlua_fill_attrs(L, &c);
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

static void set_text(lua_State *L, const char *key, const char *text) {
  lua_pushstring(L, text);
  lua_setfield(L, -2, key);
}

/* describe(function) -> {name, doc, inputs, where, elementwise, attrs = {{name, type, default, doc,
 * required, by_name}}} or nil */
int gtlua_describe_op(lua_State *L) {
  lua_CFunction f = lua_tocfunction(L, 1);
  if ((f != op_call && f != op_call_in_place && f != op_extreme) || !lua_getupvalue(L, 1, 1))
    return 0;
  const gt_op *op = ((const gtlua_bound *)lua_touserdata(L, -1))->op;
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
  gtlua_push_settings(L, op->attrs, op->attr_count);
  lua_setfield(L, -2, "attrs");
  return 1;
}

/* ---- registration ---- */

/* Splits "x, weight?" into names; the texts live in the userdata block `text`, which is anchored in
 * the registry. */
static void bind_names(gtlua_bound *bound, const gt_op *op, char **text) {
  bound->op = op;
  const char *p = op->inputs ? op->inputs : "";
  for (int i = 0; i < op->nin && i < GTLUA_MOST_FIXED; i++) {
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

/* Functions of torch and methods that are written in Lua: torch.functions of the embedded library.
 */
static void open_late(lua_State *L, int torch, int methods) {
  static const char *const names[] = {
      "stack",   "unbind",   "split",     "chunk",         "narrow",      "flatten", "t",
      "movedim", "swapaxes", "expand_as", "view_as",       "reshape_as",  "type_as", "clip",
      "mm",      "bmm",      "mv",        "dot",           "equal",       "isclose", "allclose",
      "argsort", "quantile", "median",    "count_nonzero", "multinomial", "tile"};
  for (int i = 0; i < GT_COUNT(names); i++) {
    gtlua_pushlate(L, "torch.functions", names[i]);
    lua_pushvalue(L, -1);
    set_if_absent(L, torch, names[i]);
    set_if_absent(L, methods, names[i]);
  }
}

static void place(lua_State *L, gtlua_bound *bound, int torch, int ops, int functional,
                  int methods) {
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

static void open_operators(lua_State *L, gtlua_bound *bound) {
  static const char *const operators[][2] = {{"__add", "add"},
                                             {"__sub", "sub"},
                                             {"__mul", "mul"},
                                             {"__div", "div"},
                                             {"__idiv", "floor_divide"},
                                             {"__mod", "remainder"},
                                             {"__pow", "pow"},
                                             {"__unm", "neg"},
                                             {"__band", "bitwise_and"},
                                             {"__bor", "bitwise_or"},
                                             {"__bxor", "bitwise_xor"},
                                             {"__bnot", "bitwise_not"},
                                             {"__shl", "bitwise_left_shift"},
                                             {"__shr", "bitwise_right_shift"}};
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

static void open_extremes(lua_State *L, gtlua_bound *bound, int torch, int methods) {
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
  for (int i = 0; i < cx->op_count; i++)
    texts += strlen(cx->ops[i]->inputs ? cx->ops[i]->inputs : "") + GTLUA_MOST_FIXED;
  size_t size = (size_t)cx->op_count * sizeof(gtlua_bound);
  gtlua_bound *bound = lua_newuserdatauv(L, size + texts, 0);
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
