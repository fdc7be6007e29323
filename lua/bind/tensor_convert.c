/* tensor_convert.c: tensors to Lua values and back, to other dtypes and devices, and filling in
 * place. */
#include "core/tensor/graph.h"
#include "core/tensor/rng.h"
#include "lua/bind/tensor.h"

#include <string.h>

/* ---- to Lua ---- */

/* How elements look in Lua: integers exactly, floats widened, booleans. */
static gt_dtype host_dtype(gt_dtype dtype) {
  if (gt_dtype_is_float(dtype)) return GT_F64;
  return dtype == GT_BOOL ? GT_BOOL : GT_I64;
}

static void push_element(lua_State *L, gt_dtype dtype, const void *data, int64_t i) {
  if (dtype == GT_F64)
    lua_pushnumber(L, ((const double *)data)[i]);
  else if (dtype == GT_I64)
    lua_pushinteger(L, ((const int64_t *)data)[i]);
  else
    lua_pushboolean(L, ((const uint8_t *)data)[i]);
}

/* Pushes a userdata with all elements of t in their host dtype. */
static void *push_elements(lua_State *L, gt_tensor *t, gt_dtype *dtype) {
  *dtype = host_dtype(t->dtype);
  size_t bytes = (size_t)gt_count(t) * gt_dtype_size(*dtype);
  void *data = lua_newuserdatauv(L, bytes ? bytes : 1, 0);
  gtlua_check(L, gt_read(gtlua_cx(L), t, *dtype, data));
  return data;
}

void gtlua_push_item(lua_State *L, gt_tensor *t) {
  double f = 0;
  int64_t i = 0;
  gtlua_check(L, gt_item(gtlua_cx(L), t, &f, &i));
  if (gt_dtype_is_float(t->dtype))
    lua_pushnumber(L, f);
  else if (t->dtype == GT_BOOL)
    lua_pushboolean(L, i != 0);
  else
    lua_pushinteger(L, i);
}

/* t:item() -> the only element as integer, float or boolean */
static int tensor_item(lua_State *L) {
  gtlua_push_item(L, gtlua_totensor(L, 1));
  return 1;
}

static void push_nested(lua_State *L, const gt_tensor *t, int dim, gt_dtype dtype, const void *data,
                        int64_t *next) {
  if (dim == t->ndim) {
    push_element(L, dtype, data, (*next)++);
    return;
  }
  luaL_checkstack(L, 2, "tolist");
  lua_createtable(L, t->shape[dim] > 0x7fffffff ? 0 : (int)t->shape[dim], 0);
  for (int64_t i = 0; i < t->shape[dim]; i++) {
    GTLUA_POLL(L, i);
    push_nested(L, t, dim + 1, dtype, data, next);
    lua_rawseti(L, -2, i + 1);
  }
}

/* t:tolist() -> nested tables, which count from 1 as tables do */
static int tensor_tolist(lua_State *L) {
  gt_tensor *t = gtlua_totensor(L, 1);
  if (gt_count(t) > GTLUA_MOST_ITEMS)
    return gtlua_error(L, "tolist: expected at most %d elements, got %lld", GTLUA_MOST_ITEMS,
                       (long long)gt_count(t));
  gt_dtype dtype;
  const void *data = push_elements(L, t, &dtype);
  int64_t next = 0;
  push_nested(L, t, 0, dtype, data, &next);
  return 1;
}

/* Upvalues: elements, dtype, count, next. */
static int next_value(lua_State *L) {
  lua_Integer i = lua_tointeger(L, lua_upvalueindex(4));
  if (i >= lua_tointeger(L, lua_upvalueindex(3))) return 0;
  lua_pushinteger(L, i + 1);
  lua_replace(L, lua_upvalueindex(4));
  push_element(L, (gt_dtype)lua_tointeger(L, lua_upvalueindex(2)),
               lua_touserdata(L, lua_upvalueindex(1)), i);
  return 1;
}

/* for x in t:values(): the elements in row-major order as Lua numbers, as they were when the loop
 * began */
static int tensor_values(lua_State *L) {
  gt_tensor *t = gtlua_totensor(L, 1);
  gt_dtype dtype;
  push_elements(L, t, &dtype);
  lua_pushinteger(L, dtype);
  lua_pushinteger(L, gt_count(t));
  lua_pushinteger(L, 0);
  lua_pushcclosure(L, next_value, 4);
  return 1;
}

/* ---- dtypes and devices ---- */

/* Pushes t as (dtype, device); t itself when it is that already. */
static int convert(lua_State *L, int index, gt_dtype dtype, const gt_backend *device) {
  gt_ctx *cx = gtlua_cx(L);
  gt_tensor *t = gtlua_totensor(L, index);
  lua_pushvalue(L, index);
  if (t->dtype != dtype) {
    gtlua_apply(L, "to", &t, 1, GT_ARGS({"dtype", GT_INT(dtype)}));
    t = gtlua_totensor(L, -1);
  }
  if (gt_device_of(t) == device) return 1;
  if (cx->grad_enabled && t->node)
    return gtlua_error(L, "to: a move from %s to %s is not recorded for gradients; use detach()",
                       gt_device_of(t)->name, device->name);
  gt_spec spec = gt_spec_of(t);
  gt_tensor **box = gtlua_box(L);
  gtlua_pressure(L);
  gt_status status;
  GTLUA_RETRY(L, status, gt_tensor_new(cx, &spec, device, box));
  if (status == GT_OK) status = gt_copy(cx, *box, t);
  if (status == GT_OK) (*box)->requires_grad = t->requires_grad;
  gtlua_check(L, status);
  return 1;
}

/* One argument of to(): a dtype, a device, the name of either, or a tensor to be like. */
static void read_target(lua_State *L, int index, gt_dtype *dtype, const gt_backend **device) {
  gt_dtype named;
  if (gtlua_testtensor(L, index)) {
    *dtype = gtlua_totensor(L, index)->dtype;
    *device = gt_device_of(gtlua_totensor(L, index));
  } else if (luaL_testudata(L, index, GTLUA_DTYPE)) {
    *dtype = gtlua_todtype(L, index);
  } else if (luaL_testudata(L, index, GTLUA_DEVICE)) {
    *device = gtlua_todevice(L, index);
  } else if (lua_type(L, index) != LUA_TSTRING) {
    gtlua_error(L, "to: expected a dtype, a device, a tensor or {dtype =, device =}, got %s",
                gtlua_typename(L, index));
  } else if (gt_dtype_parse(lua_tostring(L, index), &named)) {
    *dtype = named;
  } else {
    *device = gtlua_todevice(L, index);
  }
}

/* t:to(dtype | device | tensor[, dtype | device][, {dtype =, device =, copy = false}]); PyTorch's
 * non_blocking changes nothing here. */
static int tensor_to(lua_State *L) {
  gt_tensor *t = gtlua_totensor(L, 1);
  gt_dtype dtype = t->dtype;
  const gt_backend *device = gt_device_of(t);
  if (lua_isnil(L, 2) && lua_isnil(L, 3))
    return gtlua_error(L, "to: expected a dtype, a device, a tensor or {dtype =, device =}");
  for (int a = 2; a <= 3; a++)
    if (!lua_isnil(L, a)) read_target(L, a, &dtype, &device);
  convert(L, 1, dtype, device);
  if (lua_toboolean(L, 5) && lua_rawequal(L, 1, -1)) gtlua_apply(L, "clone", &t, 1, NULL);
  return 1;
}

#define CAST(name, NAME)                                                                           \
  static int tensor_##name(lua_State *L) {                                                         \
    return convert(L, 1, NAME, gt_device_of(gtlua_totensor(L, 1)));                                \
  }
CAST(double, GT_F64)
CAST(float, GT_F32)
CAST(bfloat16, GT_BF16)
CAST(half, GT_F16)
CAST(long, GT_I64)
CAST(int, GT_I32)
CAST(bool, GT_BOOL)

static int tensor_cpu(lua_State *L) {
  return convert(L, 1, gtlua_totensor(L, 1)->dtype, gtlua_cx(L)->cpu);
}

static int tensor_cuda(lua_State *L) {
  gt_tensor *t = gtlua_totensor(L, 1);
  const gt_backend *device = NULL;
  gtlua_check(L, gt_backend_find(gtlua_cx(L), "cuda", &device));
  return convert(L, 1, t->dtype, device);
}

/* ---- in place ---- */

gt_tensor *gtlua_writable(lua_State *L, int index, const char *function) {
  gt_tensor *t = gtlua_totensor(L, index);
  gtlua_check(L, gt_graph_check_write(gtlua_cx(L), function, t));
  return t;
}

void gtlua_check_source(lua_State *L, const gt_tensor *from, const char *function) {
  if (gtlua_cx(L)->grad_enabled && (from->requires_grad || from->node))
    gtlua_error(L,
                "%s: the source takes part in gradients, which a copy in place does not "
                "record; use detach()",
                function);
}

bool gtlua_read_scalar(lua_State *L, int index, gt_dtype dtype, gt_scalar *out) {
  int type = lua_type(L, index);
  if (type == LUA_TBOOLEAN && dtype == GT_BOOL)
    *out = gt_scalar_whole(lua_toboolean(L, index));
  else if (type == LUA_TNUMBER && lua_isinteger(L, index))
    *out = gt_scalar_whole(lua_tointeger(L, index));
  else if (type == LUA_TNUMBER)
    *out = gt_scalar_real(lua_tonumber(L, index));
  else
    return false;
  return true;
}

void gtlua_copy(lua_State *L, gt_tensor *to, gt_tensor *from, const char *function) {
  gt_ctx *cx = gtlua_cx(L);
  gt_spec want = gt_spec_of(to), got = gt_spec_of(from);
  char expected[GT_SHAPE_TEXT], given[GT_SHAPE_TEXT];
  gtlua_check_source(L, from, function);
  /* Broadcast by a view whose stride is 0 where the source has one element. */
  int64_t stride[GT_MAX_DIM] = {0};
  int missing = want.ndim - got.ndim;
  bool fits = missing >= 0;
  for (int d = 0; fits && d < got.ndim; d++) {
    int64_t n = want.shape[missing + d];
    stride[missing + d] = got.shape[d] == n ? from->stride[d] : 0;
    fits = got.shape[d] == n || got.shape[d] == 1;
  }
  if (!fits)
    gtlua_error(L, "%s: cannot broadcast %s to %s", function, gt_shape_text(&got, given),
                gt_shape_text(&want, expected));
  gt_tensor **box = gtlua_box(L);
  gt_status status = gt_tensor_view(cx, from, want.ndim, want.shape, stride, from->offset, box);
  if (status == GT_OK) status = gt_copy(cx, to, *box);
  gtlua_check(L, status);
  lua_pop(L, 1);
}

/* t:copy_(source): broadcasts, converts the dtype, between any devices */
static int tensor_copy_(lua_State *L) {
  gtlua_copy(L, gtlua_writable(L, 1, "copy_"), gtlua_totensor(L, 2), "copy_");
  lua_settop(L, 1);
  return 1;
}

static int tensor_zero_(lua_State *L) {
  gtlua_check(L, gt_fill_value(gtlua_cx(L), gtlua_writable(L, 1, "zero_"), 0));
  lua_settop(L, 1);
  return 1;
}

/* t:fill_(value) */
static int tensor_fill_(lua_State *L) {
  gt_tensor *t = gtlua_writable(L, 1, "fill_");
  gt_scalar value;
  if (!gtlua_read_scalar(L, 2, t->dtype, &value))
    return gtlua_error(L, "fill_: expected a number, got %s", gtlua_got(L, 2));
  gtlua_check(L, gt_fill_scalar(gtlua_cx(L), t, value, "fill_"));
  lua_settop(L, 1);
  return 1;
}

/* t:normal_(mean = 0, std = 1) */
static int tensor_normal_(lua_State *L) {
  gt_tensor *t = gtlua_writable(L, 1, "normal_");
  double mean = lua_tonumber(L, 2), std = lua_tonumber(L, 3);
  if (!(std >= 0)) return gtlua_error(L, "normal_: std must not be negative");
  gtlua_check(L, gt_fill_normal(gtlua_cx(L), t, mean, std));
  lua_settop(L, 1);
  return 1;
}

/* t:uniform_(from = 0, to = 1) */
static int tensor_uniform_(lua_State *L) {
  gt_tensor *t = gtlua_writable(L, 1, "uniform_");
  double low = lua_tonumber(L, 2), high = lua_tonumber(L, 3);
  if (!(low <= high)) return gtlua_error(L, "uniform_: from must not exceed to");
  gtlua_check(L, gt_fill_uniform(gtlua_cx(L), t, low, high));
  lua_settop(L, 1);
  return 1;
}

const gtlua_signed gtlua_convert_methods[] = {
    {"item(self: tensor)", tensor_item},
    {"tolist(self: tensor)", tensor_tolist},
    {"values(self: tensor)", tensor_values},
    {"to(self: tensor, device: dtype|device|tensor = nil, dtype: dtype|device = nil, "
     "non_blocking: boolean = false, copy: boolean = false)",
     tensor_to},
    {"double(self: tensor)", tensor_double},
    {"float(self: tensor)", tensor_float},
    {"bfloat16(self: tensor)", tensor_bfloat16},
    {"half(self: tensor)", tensor_half},
    {"long(self: tensor)", tensor_long},
    {"int(self: tensor)", tensor_int},
    {"bool(self: tensor)", tensor_bool},
    {"cpu(self: tensor)", tensor_cpu},
    {"cuda(self: tensor)", tensor_cuda},
    {"copy_(self: tensor, source: tensor, non_blocking: boolean = false)", tensor_copy_},
    {"zero_(self: tensor)", tensor_zero_},
    {"fill_(self: tensor, value: number|boolean)", tensor_fill_},
    {"normal_(self: tensor, mean: number = 0, std: number = 1)", tensor_normal_},
    {"uniform_(self: tensor, from: number = 0, to: number = 1)", tensor_uniform_},
    {NULL, NULL}};
