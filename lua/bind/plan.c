/* plan.c: what plans (lua/lib/gt/plan.lua) ask of the core: models without memory, what a recorded
 * graph consists of, free memory. */
#include "lua/bind/bind.h"

#include "core/model/shadow.h"
#include "core/tensor/allocator.h"
#include "core/tensor/census.h"

#define CENSUS_BOX "gt.Census"

/* shadowed(m, function, …) -> its results; meanwhile all tensors of m are on meta */
static int shadowed(lua_State *L) {
  gt_ctx *cx = gtlua_cx(L);
  gt_module *m = gtlua_tomodule(L, 1);
  gt_shadow shadow = {0};
  luaL_checktype(L, 2, LUA_TFUNCTION);
  gtlua_check(L, gt_shadow_begin(cx, m, &shadow));
  int status = lua_pcall(L, lua_gettop(L) - 2, LUA_MULTRET, 0);
  gt_shadow_end(cx, &shadow);
  return status == LUA_OK ? lua_gettop(L) - 1 : lua_error(L);
}

/* ---- census ---- */

static int census_gc(lua_State *L) {
  gt_census_free(gtlua_checkbox(L, 1, CENSUS_BOX));
  return 0;
}

/* {{size, …, bytes =}, …} */
static void push_shapes(lua_State *L, int count, const gt_spec *spec) {
  lua_createtable(L, count, 0);
  for (int i = 0; i < count; i++) {
    lua_createtable(L, spec[i].ndim, 1);
    size_t bytes = (size_t)gt_spec_count(&spec[i]) * gt_dtype_size(spec[i].dtype);
    lua_pushinteger(L, (lua_Integer)bytes);
    lua_setfield(L, -2, "bytes");
    for (int d = 0; d < spec[i].ndim; d++) {
      lua_pushinteger(L, spec[i].shape[d]);
      lua_rawseti(L, -2, d + 1);
    }
    lua_rawseti(L, -2, i + 1);
  }
}

/* Whole numbers and yes or no among the attributes, by name. */
static void push_attributes(lua_State *L, const gt_census_op *o) {
  lua_createtable(L, 0, o->op->attr_count);
  for (int i = 0; i < o->op->attr_count; i++) {
    if (o->op->attrs[i].type == GT_SETTING_FLOAT || o->op->attrs[i].type == GT_SETTING_DIMS)
      continue;
    lua_pushinteger(L, o->attr[i].i);
    lua_setfield(L, -2, o->op->attrs[i].name);
  }
}

/* {{key, bytes, shape of the tensor}, …} of the storages that op i keeps; the lists of
 * shapes are on the stack. */
static void push_kept(lua_State *L, const gt_census *census, int64_t i, const gt_census_op *o,
                      int inputs, int outputs) {
  lua_newtable(L);
  for (int k = 0; k < o->nin + o->nout; k++) {
    const gt_storage *storage = gt_census_keeps(census, i, k);
    if (storage == NULL) continue;
    lua_createtable(L, 3, 0);
    lua_pushlightuserdata(L, (void *)storage);
    lua_rawseti(L, -2, 1);
    lua_pushinteger(L, (lua_Integer)storage->bytes);
    lua_rawseti(L, -2, 2);
    lua_rawgeti(L, k < o->nin ? inputs : outputs, 1 + (k < o->nin ? k : k - o->nin));
    lua_rawseti(L, -2, 3);
    lua_rawseti(L, -2, luaL_len(L, -2) + 1);
  }
}

static void push_op(lua_State *L, const gt_census *census, int64_t i) {
  gt_census_op o = gt_census_at(census, i);
  int inputs = lua_gettop(L) + 1, outputs = inputs + 1;
  push_shapes(L, o.nin, o.in);
  push_shapes(L, o.nout, o.out);
  lua_createtable(L, 0, 7);
  lua_pushstring(L, o.op->name);
  lua_setfield(L, -2, "op");
  lua_pushboolean(L, o.op->view != NULL);
  lua_setfield(L, -2, "view");
  lua_createtable(L, o.nin, 0);
  for (int k = 0; k < o.nin; k++) {
    lua_pushboolean(L, gt_census_wants(census, i, k));
    lua_rawseti(L, -2, k + 1);
  }
  lua_setfield(L, -2, "wanted");
  push_attributes(L, &o);
  lua_setfield(L, -2, "attributes");
  push_kept(L, census, i, &o, inputs, outputs);
  lua_setfield(L, -2, "kept");
  lua_insert(L, inputs);
  lua_setfield(L, inputs, "outputs");
  lua_setfield(L, inputs, "inputs");
}

/* census(tensor) -> {{op =, view =, inputs = {{size, …, bytes =}, …}, outputs =, wanted = {gradient
 * for input?, …}, attributes =, kept = {{key of a storage, bytes, shape}, …}}, …}: what the tensor
 * was computed by */
static int census(lua_State *L) {
  gt_tensor *root = gtlua_totensor(L, 1);
  gt_census *made = lua_newuserdatauv(L, sizeof *made, 0);
  *made = (gt_census){0};
  luaL_setmetatable(L, CENSUS_BOX);
  gtlua_check(L, gt_census_make(gtlua_cx(L), root, made));
  lua_createtable(L, (int)made->count, 0);
  for (int64_t i = 0; i < made->count; i++) {
    push_op(L, made, i);
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

/* storage(tensor) -> key, bytes of its memory, as census() names it */
static int storage(lua_State *L) {
  const gt_storage *s = gtlua_totensor(L, 1)->storage;
  lua_pushlightuserdata(L, (void *)s);
  lua_pushinteger(L, (lua_Integer)s->bytes);
  return 2;
}

/* ---- memory ---- */

/* free_memory(device) -> bytes that new tensors could have, also in what is held already; bytes of
 * the device */
static int free_memory(lua_State *L) {
  gt_ctx *cx = gtlua_cx(L);
  const gt_backend *device = gtlua_todevice(L, 1);
  size_t available = 0, total = 0;
  gtlua_check(L, device->memory(cx, device, &available, &total));
  gt_memory_stats held = gt_memory(cx, device);
  lua_pushinteger(L, (lua_Integer)(available + held.cached - held.live));
  lua_pushinteger(L, (lua_Integer)total);
  return 2;
}

static const luaL_Reg functions[] = {{"census", census},
                                     {"free_memory", free_memory},
                                     {"shadowed", shadowed},
                                     {"storage", storage},
                                     {NULL, NULL}};

void gtlua_open_plan(lua_State *L) {
  gtlua_kind(L, CENSUS_BOX, GTLUA_META({"__gc", census_gc}), NULL);
  gtlua_native(L, "native.plan", functions);
}
