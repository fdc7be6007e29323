/* session.c: what torch says about the session: seed, threads, defaults, gradient mode, memory,
 * scopes. */
#include "core/tensor/allocator.h"
#include "core/tensor/pool.h"
#include "core/tensor/rng.h"
#include "lua/bind/setting.h"
#include "lua/bind/signature.h"
#include "lua/bind/tensor.h"
#include "lua/bind/text.h"

#include <string.h>
#include <time.h>

#define GRAD_MODE "gt.grad_mode"
#define AUTOCAST "gt.autocast"
#define TIDY_SCOPE "gt.tidy_scope"

/* ---- seed, threads, defaults ---- */

/* torch.manual_seed(n): restarts every random stream */
static int manual_seed(lua_State *L) {
  gt_manual_seed(gtlua_cx(L), (uint64_t)gtlua_toint(L, 1, "manual_seed: seed"));
  return 0;
}

static int initial_seed(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)gtlua_cx(L)->seed);
  return 1;
}

static int get_num_threads(lua_State *L) {
  lua_pushinteger(L, gt_pool_threads(gtlua_cx(L)));
  return 1;
}

static int set_num_threads(lua_State *L) {
  int64_t n = gtlua_toint(L, 1, "set_num_threads: n");
  if (n < 1 || n > 256)
    return gtlua_error(L, "set_num_threads: expected 1 … 256, got %lld", (long long)n);
  gtlua_check(L, gt_pool_resize(gtlua_cx(L), (int)n));
  return 0;
}

static int get_cpu_capability(lua_State *L) {
  lua_pushstring(L, gtlua_session_of(L)->cpu_level);
  return 1;
}

static int get_default_dtype(lua_State *L) {
  gtlua_pushdtype(L, gtlua_session_of(L)->dtype);
  return 1;
}

/* torch.set_default_dtype(dtype): of new float tensors */
static int set_default_dtype(lua_State *L) {
  gt_dtype dtype = gtlua_todtype(L, 1);
  if (!gt_dtype_is_float(dtype))
    return gtlua_error(L, "set_default_dtype: expected a float dtype, got %s",
                       gt_dtype_name(dtype));
  gtlua_session_of(L)->dtype = dtype;
  return 0;
}

static const char *const precisions[] = {[GT_PRECISION_HIGHEST] = "highest",
                                         [GT_PRECISION_HIGH] = "high",
                                         [GT_PRECISION_MEDIUM] = "medium"};

static int get_float32_matmul_precision(lua_State *L) {
  lua_pushstring(L, precisions[gtlua_cx(L)->matmul_precision]);
  return 1;
}

/* torch.set_float32_matmul_precision(precision): of products of f32 matrices from now on */
static int set_float32_matmul_precision(lua_State *L) {
  const char *name = lua_tostring(L, 1);
  for (int i = 0; i < GT_COUNT(precisions); i++)
    if (strcmp(name, precisions[i]) == 0) gtlua_cx(L)->matmul_precision = (gt_precision)i;
  return 0;
}

static int get_default_device(lua_State *L) {
  gtlua_pushdevice(L, gtlua_session_of(L)->device);
  return 1;
}

/* torch.set_default_device(device): of new tensors */
static int set_default_device(lua_State *L) {
  gtlua_session_of(L)->device = gtlua_todevice(L, 1);
  return 0;
}

/* ---- gradient mode ---- */

typedef struct grad_mode {
  bool before, value, closed;
} grad_mode;

static int grad_mode_close(lua_State *L) {
  grad_mode *mode = gtlua_checkbox(L, 1, GRAD_MODE);
  if (!mode->closed) gtlua_cx(L)->grad_enabled = mode->before;
  mode->closed = true;
  return 0;
}

static int grad_mode_tostring(lua_State *L) {
  const grad_mode *mode = gtlua_checkbox(L, 1, GRAD_MODE);
  lua_pushfstring(L, "gradients are %s%s", mode->value ? "on" : "off",
                  mode->closed ? " no more"
                               : " until this value is closed: local _ <close> = torch.no_grad()");
  return 1;
}

/* Sets the mode and pushes the value that sets it back when closed; with a function in argument 1,
 * calls that inside and returns its results. */
static int with_grad_mode(lua_State *L, bool value) {
  int n = lua_gettop(L);
  if (n > 1 && lua_isnil(L, 1)) return gtlua_error(L, "expected a function to run, got nil");
  if (n > 0 && lua_isnil(L, 1)) n = 0;
  grad_mode *mode = lua_newuserdatauv(L, sizeof *mode, 0);
  *mode = (grad_mode){.before = gtlua_cx(L)->grad_enabled, .value = value};
  luaL_setmetatable(L, GRAD_MODE);
  if (n == 0) {
    gtlua_cx(L)->grad_enabled = value;
    return 1;
  }
  lua_insert(L, 1);
  lua_toclose(L, 1);
  gtlua_cx(L)->grad_enabled = value;
  lua_call(L, n - 1, LUA_MULTRET);
  return lua_gettop(L) - 1;
}

/* torch.no_grad(function, …) -> its results; local _ <close> = torch.no_grad() */
static int no_grad(lua_State *L) { return with_grad_mode(L, false); }
static int enable_grad(lua_State *L) { return with_grad_mode(L, true); }

static int set_grad_enabled(lua_State *L) {
  bool value = lua_toboolean(L, 1);
  lua_settop(L, 0);
  return with_grad_mode(L, value);
}

static int is_grad_enabled(lua_State *L) {
  lua_pushboolean(L, gtlua_cx(L)->grad_enabled);
  return 1;
}

/* ---- autocast ---- */

/* The device in argument 1, or the one called `default_name`; NULL: a GPU that is not open, as the
 * plug-in is not opened just to ask. */
static const gt_backend *device_asked(lua_State *L, const char *default_name) {
  const gt_backend *device = NULL;
  const char *name = lua_isnoneornil(L, 1)           ? default_name
                     : lua_type(L, 1) == LUA_TSTRING ? lua_tostring(L, 1)
                                                     : NULL;
  if (!name) return gtlua_todevice(L, 1);
  gtlua_check(L, gt_backend_opened(gtlua_cx(L), name, &device));
  return device;
}

static bool is_gpu(const gt_backend *device) { return !device || device->slot >= GT_PLUGIN_SLOT; }

typedef struct autocast_mode {
  gt_autocast before[GT_MAX_BACKENDS];
  bool closed;
} autocast_mode;

static int autocast_close(lua_State *L) {
  autocast_mode *mode = gtlua_checkbox(L, 1, AUTOCAST);
  if (!mode->closed) memcpy(gtlua_cx(L)->autocast, mode->before, sizeof mode->before);
  mode->closed = true;
  return 0;
}

static int autocast_tostring(lua_State *L) {
  const autocast_mode *mode = gtlua_checkbox(L, 1, AUTOCAST);
  lua_pushstring(L, mode->closed ? "autocast, closed"
                                 : "autocast until this value is closed: local _ <close> = "
                                   "torch.autocast(\"cpu\")");
  return 1;
}

/* The options of autocast in the table at index. */
static void read_options(lua_State *L, int index, gt_autocast *mode) {
  static const gt_setting settings[] = {{.name = "dtype", .type = GT_SETTING_DTYPE},
                                        {.name = "enabled", .type = GT_SETTING_BOOL}};
  static const char *const names[] = {"dtype", "enabled", NULL};
  char hint[96];
  gt_value value;
  for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
    const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "?";
    int i = gt_setting_find(settings, GT_COUNT(settings), key);
    if (i < 0)
      gtlua_error(L, "autocast has no argument '%s'%s; it takes dtype, enabled", key,
                  gtlua_suggest(key, names, hint));
    gtlua_read_setting(L, "autocast", &settings[i], lua_gettop(L), &value);
    if (i == 0)
      mode->dtype = (gt_dtype)value.i;
    else
      mode->on = value.i != 0;
  }
}

/* Sets in `wanted` what argument 1 and the options at 2, if any, ask for. */
static void read_autocast(lua_State *L, gt_autocast wanted[GT_MAX_BACKENDS]) {
  gt_autocast mode = {.on = true, .dtype = GT_BF16};
  bool dtype_first =
      luaL_testudata(L, 1, GTLUA_DTYPE) ||
      (lua_type(L, 1) == LUA_TSTRING && gt_dtype_parse(lua_tostring(L, 1), &mode.dtype));
  const gt_backend *device = dtype_first ? gtlua_cx(L)->cpu : device_asked(L, "cpu");
  if (dtype_first) mode.dtype = gtlua_todtype(L, 1);
  if (lua_istable(L, 2)) read_options(L, 2, &mode);
  if (!gt_dtype_is_half(mode.dtype))
    gtlua_error(L, "autocast: expected bfloat16 or float16, got %s", gt_dtype_name(mode.dtype));
  if (!is_gpu(device)) wanted[device->slot] = mode;
  for (int slot = GT_PLUGIN_SLOT; slot < GT_MAX_BACKENDS; slot++)
    if (is_gpu(device) || dtype_first) wanted[slot] = mode; /* without opening them */
}

/* torch.autocast(device or dtype[, {dtype = bfloat16, enabled = true}][, function, …]) -> a value
 * that ends it when closed, or the results of the function */
static int autocast(lua_State *L) {
  gt_ctx *cx = gtlua_cx(L);
  gt_autocast wanted[GT_MAX_BACKENDS];
  memcpy(wanted, cx->autocast, sizeof wanted);
  read_autocast(L, wanted);
  int function = lua_istable(L, 2) ? 3 : 2, n = lua_gettop(L) - function + 1;
  if (n > 0 && lua_type(L, function) != LUA_TFUNCTION)
    return gtlua_error(L, "autocast: expected a function to run, got %s",
                       gtlua_typename(L, function));
  autocast_mode *mode = lua_newuserdatauv(L, sizeof *mode, 0);
  mode->closed = false;
  memcpy(mode->before, cx->autocast, sizeof wanted);
  luaL_setmetatable(L, AUTOCAST);
  if (n > 0) {
    lua_insert(L, function);
    lua_toclose(L, function);
  }
  memcpy(cx->autocast, wanted, sizeof wanted);
  if (n <= 0) return 1;
  lua_call(L, n - 1, LUA_MULTRET);
  return lua_gettop(L) - function;
}

/* torch.is_autocast_enabled([device = "cpu"]) -> boolean */
static int is_autocast_enabled(lua_State *L) {
  gt_ctx *cx = gtlua_cx(L);
  const gt_backend *device = device_asked(L, "cpu");
  lua_pushboolean(L, cx->autocast[device ? device->slot : GT_PLUGIN_SLOT].on);
  return 1;
}

/* ---- memory ---- */

static gt_memory_stats memory_of(lua_State *L, const char *default_name) {
  const gt_backend *device = device_asked(L, default_name);
  return device ? gt_memory(gtlua_cx(L), device) : (gt_memory_stats){0};
}

static int push_bytes(lua_State *L, size_t bytes) {
  lua_pushinteger(L, (lua_Integer)bytes);
  return 1;
}

static int memory_allocated(lua_State *L) { return push_bytes(L, memory_of(L, "cpu").live); }
static int memory_reserved(lua_State *L) { return push_bytes(L, memory_of(L, "cpu").cached); }
static int max_memory_allocated(lua_State *L) { return push_bytes(L, memory_of(L, "cpu").peak); }
static int cuda_memory_allocated(lua_State *L) { return push_bytes(L, memory_of(L, "cuda").live); }
static int cuda_memory_reserved(lua_State *L) { return push_bytes(L, memory_of(L, "cuda").cached); }
static int cuda_max_memory_allocated(lua_State *L) {
  return push_bytes(L, memory_of(L, "cuda").peak);
}

/* torch.memory_stats(device = "cpu") -> {allocated, reserved, peak, allocations} */
static int memory_stats(lua_State *L) {
  gt_memory_stats stats = memory_of(L, "cpu");
  lua_createtable(L, 0, 4);
  push_bytes(L, stats.live);
  lua_setfield(L, -2, "allocated");
  push_bytes(L, stats.cached);
  lua_setfield(L, -2, "reserved");
  push_bytes(L, stats.peak);
  lua_setfield(L, -2, "peak");
  lua_pushinteger(L, (lua_Integer)stats.allocations);
  lua_setfield(L, -2, "allocations");
  return 1;
}

static int reset_peak(lua_State *L, const char *default_name) {
  const gt_backend *device = device_asked(L, default_name);
  if (device) gt_memory_reset_peak(gtlua_cx(L), device);
  return 0;
}

static int reset_peak_memory_stats(lua_State *L) { return reset_peak(L, "cpu"); }
static int cuda_reset_peak_memory_stats(lua_State *L) { return reset_peak(L, "cuda"); }

/* torch.empty_cache(): collects garbage and gives unused memory back to the system */
static int empty_cache(lua_State *L) {
  lua_gc(L, LUA_GCCOLLECT);
  gtlua_trim(gtlua_cx(L));
  return 0;
}

/* ---- GPUs ---- */

static int cuda_is_available(lua_State *L) {
  lua_pushboolean(L, gt_cuda_count(gtlua_cx(L)) > 0);
  return 1;
}

static int cuda_device_count(lua_State *L) {
  lua_pushinteger(L, gt_cuda_count(gtlua_cx(L)));
  return 1;
}

static int cuda_current_device(lua_State *L) {
  lua_pushinteger(L, gtlua_cx(L)->cuda_index);
  return 1;
}

/* torch.cuda.set_device(device or index) */
static int cuda_set_device(lua_State *L) {
  char name[32];
  if (lua_type(L, 1) == LUA_TNUMBER) {
    snprintf(name, sizeof name, "cuda:%lld", (long long)gtlua_toint(L, 1, "set_device"));
    lua_pushstring(L, name);
    lua_replace(L, 1);
  }
  const gt_backend *device = gtlua_todevice(L, 1);
  if (!is_gpu(device))
    return gtlua_error(L, "set_device: expected a device of type cuda, got %s", device->name);
  gtlua_cx(L)->cuda_index = device->index;
  return 0;
}

/* torch.cuda.synchronize([device]): waits for it; nothing to do where it is not open */
static int cuda_synchronize(lua_State *L) {
  gt_ctx *cx = gtlua_cx(L);
  const gt_backend *device = device_asked(L, "cuda");
  if (device) gtlua_check(L, device->sync(cx, device));
  return 0;
}

/* torch.cuda.fallback(["warn" | "error"]) -> what holds now */
static int cuda_fallback(lua_State *L) {
  gt_ctx *cx = gtlua_cx(L);
  const char *wanted = lua_tostring(L, 1);
  if (wanted) cx->refuse_fallback = strcmp(wanted, "error") == 0;
  lua_pushstring(L, cx->refuse_fallback ? "error" : "warn");
  return 1;
}

/* torch.cuda.fallbacks() -> {{op =, calls =}, …} in the order of the op table */
static int cuda_fallbacks(lua_State *L) {
  const gt_ctx *cx = gtlua_cx(L);
  lua_newtable(L);
  for (int op = 0; cx->fallbacks && op < cx->op_count; op++) {
    if (cx->fallbacks[op] == 0) continue;
    lua_createtable(L, 0, 2);
    lua_pushstring(L, cx->ops[op]->name);
    lua_setfield(L, -2, "op");
    lua_pushinteger(L, (lua_Integer)cx->fallbacks[op]);
    lua_setfield(L, -2, "calls");
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
  }
  return 1;
}

/* ---- scopes ---- */

/* The registry names the list of boxes of the innermost scope.  A scope is a userdata whose user
 * value is the list of the scope around it, or nil. */
static int tidy_close(lua_State *L) {
  gtlua_checkbox(L, 1, TIDY_SCOPE);
  lua_getiuservalue(L, 1, 1);
  lua_setfield(L, LUA_REGISTRYINDEX, GTLUA_TIDY);
  return 0;
}

/* Notes in the table `kept` every tensor that the value at index holds, through tables. */
static void note_kept(lua_State *L, int index, int kept, int depth) {
  if (luaL_testudata(L, index, GTLUA_TENSOR)) {
    lua_pushvalue(L, index);
    lua_pushboolean(L, 1);
    lua_rawset(L, kept);
  }
  if (lua_type(L, index) != LUA_TTABLE || depth > 8) return;
  luaL_checkstack(L, 6, "tidy");
  lua_pushnil(L);
  while (lua_next(L, index)) {
    note_kept(L, lua_gettop(L), kept, depth + 1);
    lua_pop(L, 1);
  }
}

/* Frees the tensors of the list that are neither in the table `kept` nor stored natively. */
static void free_rest(lua_State *L, int list, int kept) {
  luaL_checkstack(L, 4, "tidy");
  lua_Integer count = (lua_Integer)lua_rawlen(L, list);
  for (lua_Integer i = 1; i <= count; i++) {
    lua_rawgeti(L, list, i);
    gt_tensor **box = lua_touserdata(L, -1), *t = *box;
    bool keep = lua_rawget(L, kept) != LUA_TNIL; /* replaces the box on the stack */
    lua_pop(L, 1);
    if (keep || !t || t->boxed) continue;
    *box = NULL;
    gt_tensor_unref(gtlua_cx(L), t);
  }
}

/* torch.tidy(function, …) -> its results; frees every tensor made inside that is not among them, a
 * parameter, a buffer or a gradient */
static int tidy(lua_State *L) {
  enum { KEPT = 1, LIST, SCOPE };
  int n = lua_gettop(L);
  lua_newtable(L);
  lua_newtable(L);
  lua_newuserdatauv(L, 0, 1);
  lua_getfield(L, LUA_REGISTRYINDEX, GTLUA_TIDY);
  lua_setiuservalue(L, -2, 1);
  luaL_setmetatable(L, TIDY_SCOPE);
  lua_rotate(L, 1, 3);
  lua_toclose(L, SCOPE);
  lua_pushvalue(L, LIST);
  lua_setfield(L, LUA_REGISTRYINDEX, GTLUA_TIDY);
  lua_call(L, n - 1, LUA_MULTRET);
  int top = lua_gettop(L);
  for (int i = SCOPE + 1; i <= top; i++) note_kept(L, i, KEPT, 0);
  free_rest(L, LIST, KEPT);
  return top - SCOPE;
}

/* ---- types ---- */

/* torch.type(v): "nn.Parameter", "torch.Tensor", a class name, or Lua's own */
static int type_of(lua_State *L) {
  gt_tensor **box = luaL_testudata(L, 1, GTLUA_TENSOR);
  gt_module *module = box ? NULL : gtlua_testmodule(L, 1);
  if (box)
    lua_pushstring(L, *box && (*box)->parameter ? "nn.Parameter" : "torch.Tensor");
  else if (module)
    lua_pushstring(L, gt_module_class_name(module));
  else if (luaL_testudata(L, 1, GTLUA_SIZE))
    lua_pushliteral(L, "torch.Size");
  else if (luaL_testudata(L, 1, GTLUA_DTYPE))
    lua_pushliteral(L, "torch.dtype");
  else if (luaL_testudata(L, 1, GTLUA_DEVICE))
    lua_pushliteral(L, "torch.device");
  else if (luaL_getmetafield(L, 1, "__name") != LUA_TSTRING)
    lua_pushstring(L, luaL_typename(L, 1));
  return 1;
}

/* torch.perf_counter() -> seconds of a clock that only moves forward, for timing */
static int perf_counter(lua_State *L) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  lua_pushnumber(L, (double)now.tv_sec + 1e-9 * (double)now.tv_nsec);
  return 1;
}

/* ---- registration ---- */

static const gtlua_signed functions[] = {
    {"manual_seed(seed: integer)", manual_seed},
    {"initial_seed()", initial_seed},
    {"get_num_threads()", get_num_threads},
    {"set_num_threads(n: integer)", set_num_threads},
    {"get_default_dtype()", get_default_dtype},
    {"set_default_dtype(dtype: dtype)", set_default_dtype},
    {"get_float32_matmul_precision()", get_float32_matmul_precision},
    {"set_float32_matmul_precision(precision: \"highest\"|\"high\"|\"medium\")",
     set_float32_matmul_precision},
    {"get_default_device()", get_default_device},
    {"set_default_device(device: device)", set_default_device},
    {"no_grad(fn: function = nil, ...)", no_grad},
    {"inference_mode(fn: function = nil, ...)", no_grad},
    {"enable_grad(fn: function = nil, ...)", enable_grad},
    {"set_grad_enabled(mode: boolean)", set_grad_enabled},
    {"is_grad_enabled()", is_grad_enabled},
    {"autocast(device_type: device|dtype, ...)", autocast},
    {"is_autocast_enabled(device: device = nil)", is_autocast_enabled},
    {"memory_allocated(device: device = nil)", memory_allocated},
    {"memory_reserved(device: device = nil)", memory_reserved},
    {"max_memory_allocated(device: device = nil)", max_memory_allocated},
    {"reset_peak_memory_stats(device: device = nil)", reset_peak_memory_stats},
    {"memory_stats(device: device = nil)", memory_stats},
    {"empty_cache()", empty_cache},
    {"tidy(fn: function, ...)", tidy},
    {"type", type_of},
    {"perf_counter()", perf_counter},
    {NULL, NULL}};

static const gtlua_signed cuda_functions[] = {
    {"is_available()", cuda_is_available},
    {"device_count()", cuda_device_count},
    {"current_device()", cuda_current_device},
    {"set_device(device: device|integer)", cuda_set_device},
    {"fallback(mode: \"warn\"|\"error\" = nil)", cuda_fallback},
    {"fallbacks()", cuda_fallbacks},
    {"memory_allocated(device: device = nil)", cuda_memory_allocated},
    {"memory_reserved(device: device = nil)", cuda_memory_reserved},
    {"max_memory_allocated(device: device = nil)", cuda_max_memory_allocated},
    {"reset_peak_memory_stats(device: device = nil)", cuda_reset_peak_memory_stats},
    {"empty_cache()", empty_cache},
    {"synchronize(device: device = nil)", cuda_synchronize},
    {"manual_seed(seed: integer)", manual_seed},
    {NULL, NULL}};

static const gtlua_signed cpu_functions[] = {{"get_cpu_capability()", get_cpu_capability},
                                             {NULL, NULL}};

void gtlua_open_session(lua_State *L) {
  gtlua_kind(L, GRAD_MODE,
             GTLUA_META({"__close", grad_mode_close}, {"__tostring", grad_mode_tostring}), NULL);
  gtlua_kind(L, AUTOCAST,
             GTLUA_META({"__close", autocast_close}, {"__tostring", autocast_tostring}), NULL);
  gtlua_kind(L, TIDY_SCOPE, GTLUA_META({"__close", tidy_close}), NULL);
  gtlua_setsigned(L, functions);
  const char *version = gtlua_session_of(L)->version, *number = strrchr(version, ' ');
  lua_pushstring(L, number ? number + 1 : version);
  lua_setfield(L, -2, "__version__");
  gtlua_namespace(L, "torch.cuda");
  gtlua_setsigned(L, cuda_functions);
  lua_setfield(L, -2, "cuda");
  gtlua_namespace(L, "torch.backends");
  gtlua_namespace(L, "torch.backends.cpu");
  gtlua_setsigned(L, cpu_functions);
  lua_setfield(L, -2, "cpu");
  lua_setfield(L, -2, "backends");
}
