/* tensor.c: the Lua type Tensor: boxes, identity, fields, iteration, gradients. */
#include "lua/bind/tensor.h"
#include "lua/bind/signature.h"

#include "core/tensor/graph.h"

#include <string.h>

#define BOXES                                                                                      \
  "gt.boxes" /* registry: native address -> userdata, weak values, for `boxed` tensors */

/* ---- boxes ---- */

gt_tensor **gtlua_box(lua_State *L) {
  gt_tensor **box = lua_newuserdatauv(L, sizeof *box, 0);
  *box = NULL;
  luaL_setmetatable(L, GTLUA_TENSOR);
  if (lua_getfield(L, LUA_REGISTRYINDEX, GTLUA_TIDY) == LUA_TTABLE) {
    lua_pushvalue(L, -2);
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
  }
  lua_pop(L, 1);
  return box;
}

gt_tensor *gtlua_testtensor(lua_State *L, int index) {
  gt_tensor **box = luaL_testudata(L, index, GTLUA_TENSOR);
  if (!box) return NULL;
  if (!*box) gtlua_error(L, "tensor was freed");
  return *box;
}

const char *gtlua_got(lua_State *L, int index) {
  return lua_type(L, index) == LUA_TBOOLEAN ? "a boolean" GTLUA_BOOLEAN_HINT
                                            : gtlua_typename(L, index);
}

gt_tensor *gtlua_totensor(lua_State *L, int index) {
  gt_tensor *t = gtlua_testtensor(L, index);
  if (!t) gtlua_error(L, "expected a tensor, got %s", gtlua_got(L, index));
  return t;
}

static void push_boxes(lua_State *L) {
  if (luaL_getsubtable(L, LUA_REGISTRYINDEX, BOXES)) return;
  lua_createtable(L, 0, 1);
  lua_pushliteral(L, "v");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
}

void gtlua_pushtensor(lua_State *L, gt_tensor *t) {
  if (!t) {
    lua_pushnil(L);
    return;
  }
  if (!t->boxed) {
    gt_tensor **box = gtlua_box(L);
    *box = gt_tensor_ref(t);
    return;
  }
  push_boxes(L);
  if (lua_rawgetp(L, -1, t) == LUA_TNIL) {
    lua_pop(L, 1);
    gt_tensor **box = gtlua_box(L);
    *box = gt_tensor_ref(t);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, -3, t);
  }
  lua_remove(L, -2);
}

void gtlua_keep_tensor(lua_State *L, int index) {
  index = lua_absindex(L, index);
  gt_tensor *t = gtlua_totensor(L, index);
  push_boxes(L);
  if (lua_rawgetp(L, -1, t) == LUA_TNIL) {
    lua_pushvalue(L, index);
    lua_rawsetp(L, -3, t);
  }
  lua_pop(L, 2);
  t->boxed = true;
}

/* ---- life ---- */

static int tensor_gc(lua_State *L) {
  gt_tensor **box = luaL_testudata(L, 1, GTLUA_TENSOR);
  if (!box || !*box) return 0;
  gt_tensor *t = *box;
  *box = NULL;
  gt_tensor_unref(gtlua_cx(L), t);
  return 0;
}

/* t:free(): gives the memory back now; any later use raises. */
static int tensor_free(lua_State *L) {
  gt_tensor **box = gtlua_checkbox(L, 1, GTLUA_TENSOR);
  if (!*box || gtlua_finalizing(L)) return 0;
  if ((*box)->boxed) {
    push_boxes(L);
    lua_pushnil(L);
    lua_rawsetp(L, -2, *box);
  }
  return tensor_gc(L);
}

/* ---- fields ---- */

static int field_shape(lua_State *L) {
  gt_tensor *t = gtlua_totensor(L, 1);
  gtlua_pushsize(L, t->ndim, t->shape);
  return 1;
}

static int field_ndim(lua_State *L) {
  lua_pushinteger(L, gtlua_totensor(L, 1)->ndim);
  return 1;
}

static int field_dtype(lua_State *L) {
  gtlua_pushdtype(L, gtlua_totensor(L, 1)->dtype);
  return 1;
}

static int field_device(lua_State *L) {
  gtlua_pushdevice(L, gt_device_of(gtlua_totensor(L, 1)));
  return 1;
}

static int field_requires_grad(lua_State *L) {
  gt_tensor *t = gtlua_totensor(L, 1);
  lua_pushboolean(L, t->requires_grad || t->node);
  return 1;
}

static int field_grad(lua_State *L) {
  gt_tensor *t = gtlua_totensor(L, 1);
  if (t->grad) t->grad->boxed = true;
  gtlua_pushtensor(L, t->grad);
  return 1;
}

static int field_grad_fn(lua_State *L) {
  char text[64];
  const char *name = gt_grad_fn(gtlua_totensor(L, 1), text);
  if (name)
    lua_pushfstring(L, "<%s>", name);
  else
    lua_pushnil(L);
  return 1;
}

static int field_is_leaf(lua_State *L) {
  lua_pushboolean(L, !gtlua_totensor(L, 1)->node);
  return 1;
}

/* The tensor without its history: same memory, no graph. */
static int tensor_detach(lua_State *L) {
  gt_tensor *t = gtlua_totensor(L, 1);
  gt_tensor **box = gtlua_box(L);
  gtlua_check(L, gt_tensor_view(gtlua_cx(L), t, t->ndim, t->shape, t->stride, t->offset, box));
  return 1;
}

static int field_T(lua_State *L) {
  gt_tensor *t = gtlua_totensor(L, 1);
  if (t->ndim != 2)
    return gtlua_error(L, "T: expected 2 dimensions, got %d; see transpose and permute", t->ndim);
  gtlua_apply(L, "transpose", &t, 1, GT_ARGS({"dim0", GT_INT(0)}, {"dim1", GT_INT(1)}));
  return 1;
}

static const luaL_Reg fields[] = {{"shape", field_shape},
                                  {"ndim", field_ndim},
                                  {"dtype", field_dtype},
                                  {"device", field_device},
                                  {"requires_grad", field_requires_grad},
                                  {"grad", field_grad},
                                  {"grad_fn", field_grad_fn},
                                  {"is_leaf", field_is_leaf},
                                  {"data", tensor_detach},
                                  {"T", field_T},
                                  {NULL, NULL}};

/* ---- setting fields ---- */

static void set_requires_grad(lua_State *L, gt_tensor *t, bool value) {
  if (value && !gt_dtype_is_float(t->dtype))
    gtlua_error(L, "requires_grad: only float tensors can have gradients, this one is %s",
                gt_dtype_name(t->dtype));
  if (t->node)
    gtlua_error(L, "requires_grad: only leaves can be changed, not results of ops; see detach()");
  t->requires_grad = value;
}

static void set_grad(lua_State *L, gt_tensor *t, int index) {
  gt_tensor *grad = lua_isnil(L, index) ? NULL : gtlua_totensor(L, index);
  if (grad) {
    gt_spec want = gt_spec_of(t), got = gt_spec_of(grad);
    char expected[GT_SHAPE_TEXT], given[GT_SHAPE_TEXT];
    if (!gt_same_shape(&want, &got) || want.dtype != got.dtype)
      gtlua_error(L, "grad: expected %s %s, got %s %s", gt_dtype_name(want.dtype),
                  gt_shape_text(&want, expected), gt_dtype_name(got.dtype),
                  gt_shape_text(&got, given));
    gtlua_keep_tensor(L, index);
  }
  gt_tensor_ref(grad);
  gt_grad_clear(gtlua_cx(L), t);
  t->grad = grad;
}

/* Raises with the nearest name among fields and methods. */
static int no_such_field(lua_State *L, const char *key, int methods) {
  enum { MOST = 400 };
  const char *names[MOST + 1];
  int count = 0;
  for (const luaL_Reg *f = fields; f->name; f++) names[count++] = f->name;
  lua_pushnil(L);
  while (count < MOST && lua_next(L, methods)) {
    lua_pop(L, 1);
    if (lua_type(L, -1) == LUA_TSTRING) names[count++] = lua_tostring(L, -1);
  }
  names[count] = NULL;
  char hint[96];
  return gtlua_error(L, "Tensor has no field or method '%s'%s", key,
                     gtlua_suggest(key, names, hint));
}

/* t[key]: a method, a field, or an index.  Upvalues: methods, fields. */
static int tensor_index(lua_State *L) {
  if (lua_type(L, 2) != LUA_TSTRING) return gtlua_tensor_at(L);
  lua_pushvalue(L, 2);
  if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) return 1;
  lua_pushvalue(L, 2);
  if (lua_rawget(L, lua_upvalueindex(2)) != LUA_TNIL) {
    lua_CFunction getter = lua_tocfunction(L, -1);
    return getter(L);
  }
  lua_settop(L, 2);
  const char *key = lua_tostring(L, 2);
  return gtlua_is_slice(key) ? gtlua_tensor_at(L) : no_such_field(L, key, lua_upvalueindex(1));
}

static int tensor_newindex(lua_State *L) {
  gt_tensor *t = gtlua_totensor(L, 1);
  const char *key = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : NULL;
  if (!key || gtlua_is_slice(key)) return gtlua_tensor_assign(L);
  if (strcmp(key, "grad") == 0)
    set_grad(L, t, 3);
  else if (strcmp(key, "requires_grad") == 0)
    set_requires_grad(L, t, lua_toboolean(L, 3));
  else if (strcmp(key, "data") == 0)
    gt_tensor_assign(gtlua_cx(L), t, gtlua_totensor(L, 3));
  else
    return gtlua_error(
        L, "Tensor field '%s' cannot be set; grad, requires_grad and data can, and t[index]", key);
  return 0;
}

/* ---- plain methods ---- */

/* t:size() -> Size; t:size(dim) -> integer */
static int tensor_size(lua_State *L) {
  gt_tensor *t = gtlua_totensor(L, 1);
  if (lua_isnoneornil(L, 2)) return field_shape(L);
  int dim;
  gtlua_check(L,
              gt_dim_resolve(gtlua_cx(L), "size", gtlua_toint(L, 2, "size: dim"), t->ndim, &dim));
  lua_pushinteger(L, t->shape[dim]);
  return 1;
}

static int tensor_stride(lua_State *L) {
  gt_tensor *t = gtlua_totensor(L, 1);
  int dim;
  if (lua_isnoneornil(L, 2)) {
    gtlua_pushsize(L, t->ndim, t->stride);
    return 1;
  }
  gtlua_check(
      L, gt_dim_resolve(gtlua_cx(L), "stride", gtlua_toint(L, 2, "stride: dim"), t->ndim, &dim));
  lua_pushinteger(L, t->stride[dim]);
  return 1;
}

static int tensor_dims(lua_State *L) {
  gt_tensor *t = gtlua_totensor(L, 1);
  for (int i = 0; i < t->ndim; i++) lua_pushinteger(L, t->shape[i]);
  return t->ndim;
}

static int tensor_numel(lua_State *L) {
  lua_pushinteger(L, gt_count(gtlua_totensor(L, 1)));
  return 1;
}

static int tensor_len(lua_State *L) {
  gt_tensor *t = gtlua_totensor(L, 1);
  if (t->ndim == 0) return gtlua_error(L, "#: a tensor without dimensions has no length");
  lua_pushinteger(L, t->shape[0]);
  return 1;
}

static int tensor_is_contiguous(lua_State *L) {
  lua_pushboolean(L, gt_is_contiguous(gtlua_totensor(L, 1)));
  return 1;
}

static int tensor_data_ptr(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)(intptr_t)gt_data(gtlua_totensor(L, 1)));
  return 1;
}

static int tensor_element_size(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)gt_dtype_size(gtlua_totensor(L, 1)->dtype));
  return 1;
}

static int tensor_nbytes(lua_State *L) {
  gt_tensor *t = gtlua_totensor(L, 1);
  lua_pushinteger(L, gt_count(t) * (lua_Integer)gt_dtype_size(t->dtype));
  return 1;
}

/* t:requires_grad_(value = true) -> t */
static int tensor_requires_grad_(lua_State *L) {
  set_requires_grad(L, gtlua_totensor(L, 1), lua_toboolean(L, 2));
  lua_settop(L, 1);
  return 1;
}

/* t:detach_(): cuts the tensor itself from its history. */
static int tensor_detach_(lua_State *L) {
  gt_graph_detach(gtlua_cx(L), gtlua_totensor(L, 1));
  lua_settop(L, 1);
  return 1;
}

/* loss:backward([gradient[, retain_graph = false]]) */
static int tensor_backward(lua_State *L) {
  gt_tensor *t = gtlua_totensor(L, 1), *seed = lua_isnil(L, 2) ? NULL : gtlua_totensor(L, 2);
  bool retain = lua_toboolean(L, 3);
  gtlua_pressure(L);
  gt_status status = gt_backward(gtlua_cx(L), t, seed, retain);
  if (status == GT_ENOMEM) gtlua_relieve(L); /* not repeated: gradients may have been added to */
  gtlua_check(L, status);
  return 0;
}

/* ---- iteration: 0-based ---- */

static int next_pair(lua_State *L) {
  gt_tensor *t = gtlua_totensor(L, 1);
  lua_Integer i = lua_isnil(L, 2) ? 0 : lua_tointeger(L, 2) + 1;
  if (i < 0 || i >= t->shape[0]) return 0;
  lua_pushinteger(L, i);
  gtlua_push_row(L, t, i);
  return 2;
}

/* for i, row in pairs(t) */
static int tensor_pairs(lua_State *L) {
  gt_tensor *t = gtlua_totensor(L, 1);
  if (t->ndim == 0) return gtlua_error(L, "pairs: a tensor without dimensions has no rows");
  lua_pushcfunction(L, next_pair);
  lua_pushvalue(L, 1);
  lua_pushnil(L);
  return 3;
}

static int next_row(lua_State *L) {
  gt_tensor *t = gtlua_totensor(L, lua_upvalueindex(1));
  lua_Integer i = lua_tointeger(L, lua_upvalueindex(2));
  if (i >= t->shape[0]) return 0;
  lua_pushinteger(L, i + 1);
  lua_replace(L, lua_upvalueindex(2));
  gtlua_push_row(L, t, i);
  return 1;
}

/* for row in t:iter() */
static int tensor_iter(lua_State *L) {
  gt_tensor *t = gtlua_totensor(L, 1);
  if (t->ndim == 0) return gtlua_error(L, "iter: a tensor without dimensions has no rows");
  lua_settop(L, 1);
  lua_pushinteger(L, 0);
  lua_pushcclosure(L, next_row, 2);
  return 1;
}

static int tensor_first(lua_State *L) {
  gtlua_push_row(L, gtlua_totensor(L, 1), 0);
  return 1;
}

static int tensor_last(lua_State *L) {
  gtlua_push_row(L, gtlua_totensor(L, 1), -1);
  return 1;
}

/* ---- comparison ---- */

/* Lua turns the answer of == into one boolean, so it can only say whether both are one tensor; that
 * two are not is a question of their elements, which is asked otherwise. */
static int tensor_eq(lua_State *L) {
  gt_tensor *a = gtlua_testtensor(L, 1), *b = gtlua_testtensor(L, 2);
  if (a && b && a != b)
    return gtlua_error(L, "Lua's == and ~= cannot compare the elements of tensors: a:eq(b) and "
                          "a:ne(b) do, torch.equal(a, b) says whether all are equal, "
                          "rawequal(a, b) whether both are one object");
  lua_pushboolean(L, a && a == b);
  return 1;
}

/* Pushes the number that is compared: of a tensor of one element, or the Lua number in the dtype of
 * the tensor that it is compared with. */
static void push_compared(lua_State *L, int index, const char *sign, const char *method) {
  gt_tensor *t = gtlua_testtensor(L, index), *other = gtlua_testtensor(L, 3 - index);
  if (!t && !other) gtlua_expected(L, index, "a tensor");
  if (t && gt_count(t) != 1)
    gtlua_error(L,
                "%s compares tensors of one element only, this one has %lld; "
                "a:%s(b) compares element by element",
                sign, (long long)gt_count(t), method);
  if (t) {
    gtlua_push_item(L, t);
    if (lua_isboolean(L, -1)) lua_pushinteger(L, lua_toboolean(L, -1));
  } else if (lua_type(L, index) != LUA_TNUMBER) {
    gtlua_error(L, "attempt to compare a tensor with %s", gtlua_got(L, index));
  } else if (gt_dtype_is_float(other->dtype)) {
    char rounded[8];
    gt_store_scalar(rounded, other->dtype, gt_scalar_real(lua_tonumber(L, index)));
    lua_pushnumber(L, gt_load_scalar(rounded, other->dtype).f);
  } else {
    lua_pushvalue(L, index);
  }
}

static int tensor_lt(lua_State *L) {
  push_compared(L, 1, "<", "lt");
  int first = lua_gettop(L);
  push_compared(L, 2, "<", "lt");
  lua_pushboolean(L, lua_compare(L, first, -1, LUA_OPLT));
  return 1;
}

static int tensor_le(lua_State *L) {
  push_compared(L, 1, "<=", "le");
  int first = lua_gettop(L);
  push_compared(L, 2, "<=", "le");
  lua_pushboolean(L, lua_compare(L, first, -1, LUA_OPLE));
  return 1;
}

/* torch.is_tensor(v) */
static int is_tensor(lua_State *L) {
  lua_pushboolean(L, luaL_testudata(L, 1, GTLUA_TENSOR) != NULL);
  return 1;
}

static const gtlua_signed methods[] = {
    {"size(self: tensor, dim: integer = nil)", tensor_size},
    {"stride(self: tensor, dim: integer = nil)", tensor_stride},
    {"dims(self: tensor)", tensor_dims},
    {"dim(self: tensor)", field_ndim},
    {"numel(self: tensor)", tensor_numel},
    {"nElement(self: tensor)", tensor_numel},
    {"is_contiguous(self: tensor)", tensor_is_contiguous},
    {"data_ptr(self: tensor)", tensor_data_ptr},
    {"element_size(self: tensor)", tensor_element_size},
    {"nbytes(self: tensor)", tensor_nbytes},
    {"requires_grad_(self: tensor, requires_grad: boolean = true)", tensor_requires_grad_},
    {"detach(self: tensor)", tensor_detach},
    {"detach_(self: tensor)", tensor_detach_},
    {"backward(self: tensor, gradient: tensor = nil, retain_graph: boolean = false)",
     tensor_backward},
    {"iter(self: tensor)", tensor_iter},
    {"pairs(self: tensor)", tensor_pairs},
    {"first(self: tensor)", tensor_first},
    {"last(self: tensor)", tensor_last},
    {"free(self)", tensor_free},
    {NULL, NULL}};

static const luaL_Reg metamethods[] = {{"__gc", tensor_gc},
                                       {"__close", tensor_free},
                                       {"__eq", tensor_eq},
                                       {"__lt", tensor_lt},
                                       {"__le", tensor_le},
                                       {"__len", tensor_len},
                                       {"__pairs", tensor_pairs},
                                       {"__ipairs", tensor_pairs},
                                       {"__newindex", tensor_newindex},
                                       {"__tostring", gtlua_tensor_tostring},
                                       {NULL, NULL}};

void gtlua_open_tensor(lua_State *L) {
  luaL_newmetatable(L, GTLUA_TENSOR);
  luaL_setfuncs(L, metamethods, 0);
  lua_pushliteral(L, "Tensor");
  lua_setfield(L, -2, "__name");
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  lua_createtable(L, 0, 256);
  gtlua_setsigned(L, methods);
  gtlua_setsigned(L, gtlua_convert_methods);
  lua_pushvalue(L, -1);
  lua_setfield(L, -4, "Tensor");
  lua_pushvalue(L, -1);
  lua_setfield(L, -3, "methods"); /* for completion */
  lua_createtable(L, 0, GT_COUNT(fields));
  luaL_setfuncs(L, fields, 0);
  lua_pushcclosure(L, tensor_index, 2);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  const char *names[GT_COUNT(fields)];
  for (int i = 0; i < GT_COUNT(fields); i++) names[i] = fields[i].name;
  gtlua_list_fields(L, GTLUA_TENSOR, names);
  gtlua_setsigned(L, gtlua_create_functions);
  lua_pushcfunction(L, is_tensor);
  lua_setfield(L, -2, "is_tensor");
  lua_pushcfunction(L, gtlua_set_printoptions);
  gtlua_sign(L, "set_printoptions({precision: integer[0,100] = nil, "
                "threshold: integer[0,2147483647] = nil, edgeitems: integer[1,1000] = nil, "
                "linewidth: integer[1,2147483647] = nil, sci_mode: boolean = nil, "
                "profile: \"default\"|\"short\"|\"full\" = nil})");
  lua_setfield(L, -2, "set_printoptions");
}
