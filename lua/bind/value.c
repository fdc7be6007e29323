/* value.c: the small values: dtypes, devices, sizes, and whole numbers as arguments.
 *
 * Dtypes and devices are interned: one userdata each, so that == is identity.  A Size is a copy of
 * a shape. */
#include "lua/bind/signature.h"

#include <math.h>
#include <string.h>

#define DTYPES "gt.dtypes" /* registry: dtype number -> userdata */
#define DEVICES "gt.devices"

/* Pushes the interned userdata `key` of the registry table `where`, made with `size` bytes of
 * `value`. */
static void push_interned(lua_State *L, const char *where, int key, const char *type,
                          const void *value, size_t size) {
  luaL_getsubtable(L, LUA_REGISTRYINDEX, where);
  if (lua_rawgeti(L, -1, key) == LUA_TNIL) {
    lua_pop(L, 1);
    memcpy(lua_newuserdatauv(L, size, 0), value, size);
    luaL_setmetatable(L, type);
    lua_pushvalue(L, -1);
    lua_rawseti(L, -3, key);
  }
  lua_remove(L, -2);
}

/* ---- dtypes ---- */

void gtlua_pushdtype(lua_State *L, gt_dtype dtype) {
  push_interned(L, DTYPES, (int)dtype + 1, GTLUA_DTYPE, &dtype, sizeof dtype);
}

gt_dtype gtlua_todtype(lua_State *L, int index) { return gtlua_todtype_for(L, index, NULL); }

gt_dtype gtlua_todtype_for(lua_State *L, int index, const char *what) {
  const gt_dtype *object = luaL_testudata(L, index, GTLUA_DTYPE);
  if (object) return *object;
  gt_dtype dtype;
  if (lua_type(L, index) == LUA_TSTRING && gt_dtype_parse(lua_tostring(L, index), &dtype))
    return dtype;
  static const char *const names[] = {
#define X(NAME, name, bytes, kind, torch, safetensors) #name, torch,
      GT_DTYPE_LIST(X)
#undef X
          "float",
      "double",
      "half",
      "long",
      "int",
      NULL};
  char hint[96] = "";
  const char *text = gtlua_shown(L, index);
  gtlua_suggest(lua_isstring(L, index) ? lua_tostring(L, index) : text, names, hint);
  if (what)
    gtlua_error(L, "%s expects a dtype, got %s%s", what, text, hint);
  else
    gtlua_error(L, "expected a dtype, got %s%s", text, hint);
  return GT_F32;
}

static int dtype_tostring(lua_State *L) {
  lua_pushfstring(L, "torch.%s", gt_dtype_name(gtlua_todtype(L, 1)));
  return 1;
}

static const char *const dtype_fields[] = {"name", "short", "itemsize", "is_floating_point", NULL};

static int dtype_index(lua_State *L) {
  gt_dtype dtype = gtlua_todtype(L, 1);
  const char *key = luaL_checkstring(L, 2);
  char hint[96];
  if (strcmp(key, "name") == 0)
    lua_pushstring(L, gt_dtype_name(dtype));
  else if (strcmp(key, "short") == 0)
    lua_pushstring(L, gt_dtype_short(dtype));
  else if (strcmp(key, "itemsize") == 0)
    lua_pushinteger(L, (lua_Integer)gt_dtype_size(dtype));
  else if (strcmp(key, "is_floating_point") == 0)
    lua_pushboolean(L, gt_dtype_is_float(dtype));
  else
    return gtlua_error(L, "dtype has no field '%s'%s", key, gtlua_suggest(key, dtype_fields, hint));
  return 1;
}

/* ---- devices ---- */

void gtlua_pushdevice(lua_State *L, const gt_backend *device) {
  push_interned(L, DEVICES, device->slot + 1, GTLUA_DEVICE, &device, sizeof device);
}

const gt_backend *gtlua_todevice(lua_State *L, int index) {
  const gt_backend **object = luaL_testudata(L, index, GTLUA_DEVICE);
  if (object) return *object;
  const gt_backend *device = NULL;
  if (lua_type(L, index) != LUA_TSTRING)
    gtlua_error(L, "expected a device such as \"cpu\" or \"cuda\", got %s",
                gtlua_typename(L, index));
  gtlua_check(L, gt_backend_find(gtlua_cx(L), lua_tostring(L, index), &device));
  return device;
}

static int device_tostring(lua_State *L) {
  lua_pushstring(L, gtlua_todevice(L, 1)->name);
  return 1;
}

static const char *const device_fields[] = {"type", "index", NULL};

static int device_index(lua_State *L) {
  const gt_backend *device = gtlua_todevice(L, 1);
  const char *key = luaL_checkstring(L, 2);
  char hint[96];
  if (strcmp(key, "type") == 0)
    lua_pushstring(L, device->type);
  else if (strcmp(key, "index") == 0 && device->index >= 0)
    lua_pushinteger(L, device->index);
  else if (strcmp(key, "index") == 0)
    lua_pushnil(L);
  else
    return gtlua_error(L, "device has no field '%s'%s", key,
                       gtlua_suggest(key, device_fields, hint));
  return 1;
}

/* torch.device("cuda:0") or torch.device("cuda", 0) */
static int device_new(lua_State *L) {
  if (!lua_isnoneornil(L, 2)) {
    lua_Integer index = gtlua_toint(L, 2, "device: index");
    lua_pushfstring(L, "%s:%I", luaL_tolstring(L, 1, NULL), index);
    lua_replace(L, 1);
  }
  gtlua_pushdevice(L, gtlua_todevice(L, 1));
  return 1;
}

/* ---- whole numbers and dims ---- */

int64_t gtlua_toint(lua_State *L, int index, const char *what) {
  int whole = 0;
  lua_Integer n = lua_type(L, index) == LUA_TNUMBER ? lua_tointegerx(L, index, &whole) : 0;
  if (whole) return n;
  if (lua_type(L, index) == LUA_TNUMBER) {
    char text[GT_NUMBER_TEXT];
    gtlua_error(L, "%s expects a whole number, got %s; use // for whole division", what,
                gt_number_text(lua_tonumber(L, index), text));
  }
  gtlua_error(L, "%s expects a whole number, got %s", what, gtlua_typename(L, index));
  return 0;
}

/* The array part of the table at index as dims. */
static void table_dims(lua_State *L, int index, const char *what, gt_dims *out) {
  lua_Unsigned n = lua_rawlen(L, index);
  if (n > GT_MAX_DIM)
    gtlua_error(L, "%s expects at most %d dimensions, got %d", what, GT_MAX_DIM,
                (int)(n > 999 ? 999 : n));
  gtlua_check_list(L, index, what, true);
  out->count = (int)n;
  for (int i = 0; i < out->count; i++) {
    lua_rawgeti(L, index, i + 1);
    out->at[i] = gtlua_toint(L, -1, what);
    lua_pop(L, 1);
  }
}

int gtlua_todims(lua_State *L, int first, const char *what, gt_dims *out) {
  out->count = 0;
  const gt_dims *size = luaL_testudata(L, first, GTLUA_SIZE);
  if (size) {
    *out = *size;
    return first + 1;
  }
  if (lua_type(L, first) == LUA_TTABLE) {
    table_dims(L, first, what, out);
    return first + 1;
  }
  for (; lua_type(L, first) == LUA_TNUMBER; first++) {
    if (out->count == GT_MAX_DIM)
      gtlua_error(L, "%s expects at most %d dimensions, got more", what, GT_MAX_DIM);
    out->at[out->count++] = gtlua_toint(L, first, what);
  }
  return first;
}

bool gtlua_has_keywords(lua_State *L, int table) {
  lua_pushnil(L);
  while (lua_next(L, table)) {
    lua_pop(L, 1);
    if (lua_type(L, -1) != LUA_TSTRING) continue;
    lua_pop(L, 1);
    return true;
  }
  return false;
}

/* Raises: the key below the top of the stack has no place in a list of `count` items. */
static void refuse_key(lua_State *L, const char *what, lua_Integer count) {
  if (lua_isinteger(L, -2) && lua_tointeger(L, -2) > count)
    gtlua_error(L, "%s: expected a list without gaps, item %lld is nil", what,
                (long long)count + 1);
  if (lua_type(L, -2) == LUA_TSTRING)
    gtlua_error(L, "%s: expected a list, got one with the name '%s'", what, lua_tostring(L, -2));
  if (lua_type(L, -2) != LUA_TNUMBER)
    gtlua_error(L, "%s: expected a list, got one with a %s as a key", what, luaL_typename(L, -2));
  gtlua_error(L, "%s: expected a list with items from 1 on, got one at %s", what,
              luaL_tolstring(L, -2, NULL));
}

bool gtlua_check_list(lua_State *L, int index, const char *what, bool names) {
  int table = lua_absindex(L, index);
  lua_Integer count = (lua_Integer)lua_rawlen(L, table), seen = 0;
  bool named = false;
  luaL_checkstack(L, 6, what);
  for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
    lua_Integer at = lua_isinteger(L, -2) ? lua_tointeger(L, -2) : 0;
    bool name = names && lua_type(L, -2) == LUA_TSTRING, item = at >= 1 && at <= count;
    if (!item && !name) refuse_key(L, what, count);
    named |= name;
    seen += item;
    GTLUA_POLL(L, seen);
  }
  for (lua_Integer i = 1; seen < count && i <= count; i++) {
    if (lua_rawgeti(L, table, i) == LUA_TNIL)
      gtlua_error(L, "%s: expected a list without gaps, item %lld is nil", what, (long long)i);
    lua_pop(L, 1);
  }
  return named;
}

bool gtlua_is_plain(lua_State *L, int index) {
  if (lua_type(L, index) != LUA_TTABLE) return false;
  if (luaL_getmetafield(L, index, "__name") == LUA_TNIL) {
    if (!lua_getmetatable(L, index)) return true;
    lua_pop(L, 1);
    return false;
  }
  const char *name = lua_tostring(L, -1);
  bool array = name && strcmp(name, "json.array") == 0;
  lua_pop(L, 1);
  return array;
}

/* ---- Size ---- */

void gtlua_pushsize(lua_State *L, int ndim, const int64_t *shape) {
  gt_dims *size = lua_newuserdatauv(L, sizeof *size, 0);
  memset(size, 0, sizeof *size);
  size->count = ndim;
  memcpy(size->at, shape, (size_t)ndim * sizeof *shape);
  luaL_setmetatable(L, GTLUA_SIZE);
}

static gt_dims *check_size(lua_State *L, int index) { return gtlua_checkbox(L, index, GTLUA_SIZE); }

static int size_unpack(lua_State *L) {
  const gt_dims *size = check_size(L, 1);
  for (int i = 0; i < size->count; i++) lua_pushinteger(L, size->at[i]);
  return size->count;
}

static int size_tolist(lua_State *L) {
  const gt_dims *size = check_size(L, 1);
  lua_createtable(L, size->count, 0);
  for (int i = 0; i < size->count; i++) {
    lua_pushinteger(L, size->at[i]);
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

static int size_numel(lua_State *L) {
  const gt_dims *size = check_size(L, 1);
  int64_t n = 1;
  for (int i = 0; i < size->count; i++)
    if (__builtin_mul_overflow(n, size->at[i], &n))
      return gtlua_error(L, "numel: expected sizes whose product is below 2^63, got %s",
                         luaL_tolstring(L, 1, NULL));
  lua_pushinteger(L, n);
  return 1;
}

static int size_len(lua_State *L) {
  lua_pushinteger(L, check_size(L, 1)->count);
  return 1;
}

static int size_next(lua_State *L) {
  const gt_dims *size = check_size(L, 1);
  lua_Integer i = lua_isnil(L, 2) ? 0 : lua_tointeger(L, 2) + 1;
  if (i < 0 || i >= size->count) return 0;
  lua_pushinteger(L, i);
  lua_pushinteger(L, size->at[i]);
  return 2;
}

static int size_pairs(lua_State *L) {
  check_size(L, 1);
  lua_pushcfunction(L, size_next);
  lua_pushvalue(L, 1);
  lua_pushnil(L);
  return 3;
}

static int size_eq(lua_State *L) {
  const gt_dims *a = luaL_testudata(L, 1, GTLUA_SIZE), *b = luaL_testudata(L, 2, GTLUA_SIZE);
  int equal =
      a && b && a->count == b->count && memcmp(a->at, b->at, (size_t)a->count * sizeof *a->at) == 0;
  lua_pushboolean(L, equal);
  return 1;
}

static int size_tostring(lua_State *L) {
  const gt_dims *size = check_size(L, 1);
  luaL_Buffer text;
  luaL_buffinit(L, &text);
  luaL_addstring(&text, "torch.Size([");
  for (int i = 0; i < size->count; i++) {
    lua_pushfstring(L, i ? ", %I" : "%I", (lua_Integer)size->at[i]);
    luaL_addvalue(&text);
  }
  luaL_addstring(&text, "])");
  luaL_pushresult(&text);
  return 1;
}

static const luaL_Reg size_methods[] = {
    {"unpack", size_unpack}, {"tolist", size_tolist}, {"numel", size_numel}, {NULL, NULL}};

static int size_index(lua_State *L) {
  const gt_dims *size = check_size(L, 1);
  if (lua_type(L, 2) == LUA_TNUMBER) {
    int64_t i = gtlua_toint(L, 2, "Size: index");
    int64_t at = i < 0 ? i + size->count : i;
    if (at < 0 || at >= size->count)
      return gtlua_error(
          L, "Size index %lld out of range for %d dimensions (they count from 0; the last is [-1])",
          (long long)i, size->count);
    lua_pushinteger(L, size->at[at]);
    return 1;
  }
  const char *key = luaL_checkstring(L, 2);
  const char *names[GT_COUNT(size_methods)];
  for (int i = 0; i < GT_COUNT(size_methods); i++) {
    names[i] = size_methods[i].name;
    if (!names[i] || strcmp(names[i], key) != 0) continue;
    lua_pushcfunction(L, size_methods[i].func);
    return 1;
  }
  char hint[96];
  return gtlua_error(L, "Size has no field or method '%s'%s", key, gtlua_suggest(key, names, hint));
}

/* Arithmetic: local B, T = x:size() gives one Size, not its numbers. */
static int size_misused(lua_State *L) {
  int at = luaL_testudata(L, 1, GTLUA_SIZE) ? 1 : 2;
  return gtlua_error(L,
                     "expected a number, got %s; the sizes one by one are local B, T = x:dims(), "
                     "one of them is x:size(0)",
                     luaL_tolstring(L, at, NULL));
}

/* torch.Size(2, 3) or torch.Size{2, 3} */
static int size_new(lua_State *L) {
  gt_dims dims;
  int after = gtlua_todims(L, 1, "Size", &dims);
  if (after <= lua_gettop(L))
    return gtlua_error(L, "Size: expected whole numbers, got %s", gtlua_typename(L, after));
  gtlua_pushsize(L, dims.count, dims.at);
  return 1;
}

/* ipairs that asks objects for __ipairs (those count from 0); plain tables as ever.  Upvalue: Lua's
 * own. */
static int value_ipairs(lua_State *L) {
  luaL_checkany(L, 1);
  bool own = luaL_getmetafield(L, 1, "__ipairs") != LUA_TNIL;
  if (!own) lua_pushvalue(L, lua_upvalueindex(1));
  lua_pushvalue(L, 1);
  lua_call(L, 1, 3);
  return 3;
}

void gtlua_open_values(lua_State *L) {
  static const luaL_Reg dtype_meta[] = {
      {"__tostring", dtype_tostring}, {"__index", dtype_index}, {NULL, NULL}};
  static const luaL_Reg device_meta[] = {
      {"__tostring", device_tostring}, {"__index", device_index}, {NULL, NULL}};
  static const luaL_Reg size_meta[] = {{"__tostring", size_tostring},
                                       {"__index", size_index},
                                       {"__len", size_len},
                                       {"__eq", size_eq},
                                       {"__pairs", size_pairs},
                                       {"__ipairs", size_pairs},
                                       {"__add", size_misused},
                                       {"__sub", size_misused},
                                       {"__mul", size_misused},
                                       {"__div", size_misused},
                                       {"__idiv", size_misused},
                                       {"__mod", size_misused},
                                       {"__pow", size_misused},
                                       {"__unm", size_misused},
                                       {"__lt", size_misused},
                                       {"__le", size_misused},
                                       {NULL, NULL}};
  gtlua_kind(L, GTLUA_DTYPE, dtype_meta, NULL);
  gtlua_kind(L, GTLUA_DEVICE, device_meta, NULL);
  gtlua_kind(L, GTLUA_SIZE, size_meta, size_methods);
  gtlua_list_fields(L, GTLUA_DTYPE, dtype_fields);
  gtlua_list_fields(L, GTLUA_DEVICE, device_fields);
  static const struct {
    const char *name;
    gt_dtype dtype;
  } dtypes[] = {
#define X(NAME, name, bytes, kind, torch, safetensors) {torch, GT_##NAME},
      GT_DTYPE_LIST(X)
#undef X
          {"double", GT_F64},
      {"float", GT_F32},
      {"half", GT_F16},
      {"long", GT_I64},
      {"int", GT_I32},
      {"short", GT_I16}};
  for (int i = 0; i < GT_COUNT(dtypes); i++) {
    gtlua_pushdtype(L, dtypes[i].dtype);
    lua_setfield(L, -2, dtypes[i].name);
  }
  lua_getglobal(L, "ipairs");
  lua_pushcclosure(L, value_ipairs, 1);
  lua_setglobal(L, "ipairs");
  lua_pushcfunction(L, device_new);
  gtlua_sign(L, "device(type: string|device, index: integer = nil)");
  lua_setfield(L, -2, "device");
  lua_pushcfunction(L, size_new);
  lua_setfield(L, -2, "Size");
}
