/* layer.c: building modules (empty ones for Lua classes, the native layers), nn.Parameter and the
 * initializers; the GPT is in gpt.c.  Classes, keyword arguments and defaults are the Lua library's
 * (lua/lib/nn).
 */
#include "lua/bind/module.h"

#include "core/model/block.h"
#include "core/model/gpt.h"
#include "core/model/init.h"
#include "core/model/nn.h"

#include <string.h>

#define CLASSES "gt.classes"

/* register_class(name, class table): the table is the Lua side of that native class. */
static int register_class(lua_State *L) {
  static const struct {
    const char *name;
    const gt_module_class *class;
  } natives[] = {{"Linear", &gt_class_linear},
                 {"Embedding", &gt_class_embedding},
                 {"ModuleList", &gt_class_module_list},
                 {"RMSNorm", &gt_class_rms_norm},
                 {"LayerNorm", &gt_class_layer_norm},
                 {"MultiHeadAttention", &gt_class_attention},
                 {"FeedForward", &gt_class_feed_forward},
                 {"TransformerBlock", &gt_class_block},
                 {"GPT", &gt_class_gpt}};
  const char *name = luaL_checkstring(L, 1);
  luaL_checktype(L, 2, LUA_TTABLE);
  for (int i = 0; i < GT_COUNT(natives); i++) {
    if (strcmp(natives[i].name, name) != 0) continue;
    lua_getfield(L, LUA_REGISTRYINDEX, CLASSES);
    lua_pushvalue(L, 2);
    lua_rawsetp(L, -2, natives[i].class);
    return 0;
  }
  return gtlua_error(L, "no native class '%s'", name);
}

/* ---- boxes to fill ---- */

/* new_empty(class) -> a box whose module the init of a native class makes later */
static int new_empty(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  gtlua_modulebox(L, 1);
  return 1;
}

/* new_module(class) -> an empty module of a class written in Lua */
static int new_module(lua_State *L) {
  gt_ctx *cx = gtlua_cx(L);
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_getfield(L, 1, "__name");
  const char *name = luaL_checkstring(L, -1);
  gt_module **box = gtlua_modulebox(L, 1);
  gtlua_check(L, gt_module_new(cx, &gtlua_class_module, box));
  (*box)->class_name = gt_strdup(cx, name);
  if (!(*box)->class_name) gtlua_check(L, GT_ENOMEM);
  gtlua_module_known(L, -1);
  return 1;
}

gt_module **gtlua_open_box(lua_State *L) {
  gt_module **box = luaL_testudata(L, 1, GTLUA_MODULE);
  if (!box) gtlua_error(L, "init: expected the module being made, got %s", gtlua_typename(L, 1));
  if (*box) gtlua_error(L, "%s: init was called twice", gt_module_class_name(*box));
  return box;
}

int gtlua_filled(lua_State *L, gt_status status) {
  gt_ctx *cx = gtlua_cx(L);
  gtlua_check(L, status);
  gt_module *m = *(gt_module **)lua_touserdata(L, 1);
  gtlua_module_known(L, 1);
  lua_getiuservalue(L, 1, GTLUA_UV_CLASS);
  int class = lua_gettop(L);
  lua_getfield(L, LUA_REGISTRYINDEX, CLASSES);
  lua_rawgetp(L, -1, m->class);
  if (lua_rawequal(L, -1, class)) return 0;
  lua_getfield(L, class, "__name");
  m->class_name = gt_strdup(cx, luaL_checkstring(L, -1));
  if (!m->class_name) gtlua_check(L, GT_ENOMEM);
  if (m->forward && lua_getfield(L, class, "forward") == LUA_TFUNCTION &&
      lua_tocfunction(L, -1) != gtlua_native_forward)
    m->forward = gtlua_forward;
  lua_settop(L, class);
  if (lua_getfield(L, class, "extra_repr") == LUA_TFUNCTION &&
      lua_tocfunction(L, -1) != gtlua_native_repr)
    m->extra_repr = gtlua_class_module.extra_repr;
  return 0;
}

/* ---- native constructors: (self, sizes …, dtype or nil, device or nil) ---- */

static gt_dtype dtype_at(lua_State *L, int index) {
  return lua_isnoneornil(L, index) ? gtlua_session_of(L)->dtype : gtlua_todtype(L, index);
}

const gt_backend *gtlua_device_at(lua_State *L, int index) {
  return lua_isnoneornil(L, index) ? gtlua_session_of(L)->device : gtlua_todevice(L, index);
}

/* init_linear(self, in_features, out_features, bias, dtype, device) */
static int init_linear(lua_State *L) {
  gt_module **box = gtlua_open_box(L);
  int64_t in = gtlua_toint(L, 2, "Linear: in_features");
  int64_t out = gtlua_toint(L, 3, "Linear: out_features");
  gt_dtype dtype = dtype_at(L, 5);
  const gt_backend *device = gtlua_device_at(L, 6);
  gt_status status;
  gtlua_pressure(L);
  GTLUA_RETRY(L, status,
              gt_linear_new(gtlua_cx(L), in, out, lua_toboolean(L, 4), dtype, device, box));
  return gtlua_filled(L, status);
}

/* init_embedding(self, num_embeddings, embedding_dim, dtype, device) */
static int init_embedding(lua_State *L) {
  gt_module **box = gtlua_open_box(L);
  int64_t count = gtlua_toint(L, 2, "Embedding: num_embeddings");
  int64_t dim = gtlua_toint(L, 3, "Embedding: embedding_dim");
  gt_dtype dtype = dtype_at(L, 4);
  const gt_backend *device = gtlua_device_at(L, 5);
  gt_status status;
  gtlua_pressure(L);
  GTLUA_RETRY(L, status, gt_embedding_new(gtlua_cx(L), count, dim, dtype, device, box));
  return gtlua_filled(L, status);
}

/* init_rms_norm(self, dim, eps or nil, weight, dtype, device) */
static int init_rms_norm(lua_State *L) {
  gt_module **box = gtlua_open_box(L);
  int64_t dim = gtlua_toint(L, 2, "RMSNorm: dim");
  double eps = luaL_optnumber(L, 3, 0);
  gt_dtype dtype = dtype_at(L, 5);
  const gt_backend *device = gtlua_device_at(L, 6);
  gt_status status;
  GTLUA_RETRY(L, status,
              gt_rms_norm_new(gtlua_cx(L), dim, eps, lua_toboolean(L, 4), dtype, device, box));
  return gtlua_filled(L, status);
}

/* init_layer_norm(self, dim, eps, weight, bias, dtype, device) */
static int init_layer_norm(lua_State *L) {
  gt_module **box = gtlua_open_box(L);
  int64_t dim = gtlua_toint(L, 2, "LayerNorm: dim");
  double eps = luaL_checknumber(L, 3);
  gt_dtype dtype = dtype_at(L, 6);
  const gt_backend *device = gtlua_device_at(L, 7);
  gt_status status;
  GTLUA_RETRY(L, status,
              gt_layer_norm_new(gtlua_cx(L), dim, eps, lua_toboolean(L, 4), lua_toboolean(L, 5),
                                dtype, device, box));
  return gtlua_filled(L, status);
}

static int init_module_list(lua_State *L) {
  gt_module **box = gtlua_open_box(L);
  return gtlua_filled(L, gt_module_list_new(gtlua_cx(L), box));
}

/* ---- parameters and initializers ---- */

/* parameter(t, requires_grad): a new tensor on the same memory, marked as a parameter */
static int parameter(lua_State *L) {
  gt_tensor *t = gtlua_totensor(L, 1);
  bool grad = lua_isnoneornil(L, 2) || lua_toboolean(L, 2);
  if (grad && !gt_dtype_is_float(t->dtype))
    return gtlua_error(L,
                       "nn.Parameter: only float tensors can have gradients, got %s; pass "
                       "{requires_grad = false}",
                       gt_dtype_name(t->dtype));
  gt_tensor **box = gtlua_box(L);
  gtlua_check(L, gt_tensor_view(gtlua_cx(L), t, t->ndim, t->shape, t->stride, t->offset, box));
  (*box)->parameter = true;
  (*box)->requires_grad = grad;
  gtlua_keep_tensor(L, -1);
  return 1;
}

/* init(name, t, a, b) -> t */
static int init(lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  int kind = gt_init_find(name);
  if (kind < 0) return gtlua_error(L, "nn.init has no initializer '%s'", name);
  gt_tensor *t = gtlua_totensor(L, 2);
  gtlua_check(L, gt_init(gtlua_cx(L), t, (gt_initializer)kind, luaL_optnumber(L, 3, 0),
                         luaL_optnumber(L, 4, 0)));
  lua_settop(L, 2);
  return 1;
}

static const luaL_Reg functions[] = {{"init", init},
                                     {"init_embedding", init_embedding},
                                     {"init_linear", init_linear},
                                     {"init_layer_norm", init_layer_norm},
                                     {"init_module_list", init_module_list},
                                     {"init_rms_norm", init_rms_norm},
                                     {"native_forward", gtlua_native_forward},
                                     {"native_repr", gtlua_native_repr},
                                     {"new_empty", new_empty},
                                     {"new_module", new_module},
                                     {"parameter", parameter},
                                     {"register_class", register_class},
                                     {NULL, NULL}};

void gtlua_add_layers(lua_State *L) { luaL_setfuncs(L, functions, 0); }
