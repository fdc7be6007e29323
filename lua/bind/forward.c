/* forward.c: running modules.  Three roads meet here:
 *   Lua calls a native module:  arguments are read into gt_arguments, gt_module_call does the rest;
 *   native code calls a module that has Lua to run (a class from nn.class, or hooks):
 * gtlua_forward, a trampoline under lua_pcall, so that nothing long-jumps across core/; Lua calls a
 * Lua module: directly, with any arguments and results, and it may yield. */
#include "lua/bind/module.h"

#include <string.h>

/* ---- the state that runs callbacks ---- */

lua_State *gtlua_enter(lua_State *L) {
  gt_ctx *cx = gtlua_cx(L);
  lua_State *before = cx->host;
  cx->host = L;
  return before;
}

void gtlua_leave(lua_State *L, lua_State *before) { gtlua_cx(L)->host = before; }

/* ---- arguments ---- */

static const char *options[] = {"loss_reduction", "reduction", "cache", "last_only", NULL};

/* Only what takes targets has logits and a loss that these options are about. */
static void check_option(lua_State *L, const gt_module *m, const char *key) {
  const char *parameters = m->class->parameters;
  if (!parameters || !strstr(parameters, "targets"))
    gtlua_error(L, "%s: forward has no option '%s'", gt_module_class_name(m), key);
}

/* Takes the text at `index` as the reduction of a loss, given as `key`. */
static void read_reduction(lua_State *L, const gt_module *m, const char *key, int index,
                           gt_arguments *out) {
  static const char *const known[] = {"mean", "sum", "none"};
  const char *text = lua_type(L, index) == LUA_TSTRING ? lua_tostring(L, index) : "";
  check_option(L, m, key);
  for (int i = 0; i < GT_COUNT(known); i++)
    if (strcmp(text, known[i]) == 0) out->reduction = known[i];
  if (!out->reduction || strcmp(out->reduction, text) != 0)
    gtlua_error(L, "%s: expected %s none, mean or sum, got %s", gt_module_class_name(m), key,
                gtlua_shown(L, index));
}

static void read_options(lua_State *L, const gt_module *m, int index, gt_arguments *out) {
  char hint[96];
  for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
    const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "?";
    if (strcmp(key, "cache") == 0) {
      out->cache = gtlua_tocache(L, -1); /* the table keeps it alive */
    } else if (strcmp(key, "last_only") == 0) {
      check_option(L, m, key);
      out->last_only = lua_toboolean(L, -1);
    } else if (strcmp(key, options[0]) != 0 && strcmp(key, options[1]) != 0) {
      gtlua_error(L, "%s: unknown option '%s'%s", gt_module_class_name(m), key,
                  gtlua_suggest(key, options, hint));
    } else {
      read_reduction(L, m, key, lua_gettop(L), out);
    }
  }
}

static void bad_argument(lua_State *L, const gt_module *m, int n, int index) {
  const char *names = m->class->parameters;
  gtlua_error(L, "%s: argument %d must be a tensor or a pair of tensors, got %s%s%s%s",
              gt_module_class_name(m), n, gtlua_typename(L, index), names ? " (forward takes " : "",
              names ? names : "", names ? ")" : "");
}

/* Reads {a, b} into out; false when the table is something else. */
static bool read_tuple(lua_State *L, int index, gt_argument *out) {
  lua_Integer n = luaL_len(L, index);
  if (n < 1 || n > 2) return false;
  for (out->count = 0; out->count < n; out->count++) {
    lua_geti(L, index, out->count + 1);
    out->at[out->count] = gtlua_testtensor(L, -1);
    lua_pop(L, 1); /* the table keeps it alive */
    if (!out->at[out->count]) return false;
  }
  return true;
}

void gtlua_toarguments(lua_State *L, const gt_module *m, int first, gt_arguments *out) {
  int last = lua_gettop(L);
  *out = (gt_arguments){0};
  luaL_checkstack(L, 8, "too many arguments");
  if (last > first && lua_istable(L, last) && luaL_len(L, last) == 0)
    read_options(L, m, last--, out);
  else if (last > first && lua_type(L, last) == LUA_TSTRING)
    read_reduction(L, m, options[0], last--, out);
  if (last - first >= GT_COUNT(out->arg))
    gtlua_error(L, "%s: at most %d arguments, got %d", gt_module_class_name(m), GT_COUNT(out->arg),
                last - first + 1);
  for (int i = first; i <= last; i++) {
    gt_argument *arg = &out->arg[out->count++];
    gt_tensor *t = gtlua_testtensor(L, i);
    if (t)
      *arg = (gt_argument){.count = 1, .at = {t}};
    else if (!lua_isnil(L, i) && !(lua_istable(L, i) && read_tuple(L, i, arg)))
      bad_argument(L, m, i - first + 1, i);
  }
}

/* A hook may free what it is called with, or close the module: both live until `call` is back. */
static gt_status call_held(lua_State *L, gt_module *m, const gt_arguments *args,
                           gt_status (*call)(gt_ctx *, gt_module *, const gt_arguments *,
                                             gt_tensor **),
                           gt_tensor **out) {
  gt_ctx *cx = gtlua_cx(L);
  gt_module_ref(m);
  for (int i = 0; i < args->count; i++)
    for (int k = 0; k < args->arg[i].count; k++) gt_tensor_ref(args->arg[i].at[k]);
  gt_cache_ref(args->cache);
  lua_State *before = gtlua_enter(L);
  gt_status status = call(cx, m, args, out);
  gtlua_leave(L, before);
  gt_cache_unref(cx, args->cache);
  for (int i = 0; i < args->count; i++)
    for (int k = 0; k < args->arg[i].count; k++) gt_tensor_unref(cx, args->arg[i].at[k]);
  gt_module_unref(cx, m);
  return status;
}

static void push_argument(lua_State *L, const gt_argument *arg) {
  if (arg->count <= 1) {
    gtlua_pushtensor(L, arg->count ? arg->at[0] : NULL);
    return;
  }
  lua_createtable(L, arg->count, 0);
  for (int i = 0; i < arg->count; i++) {
    gtlua_pushtensor(L, arg->at[i]);
    lua_rawseti(L, -2, i + 1);
  }
}

/* Pushes the options as the table a caller would have written, if there are any; returns how many
 * values it pushed. */
static int push_options(lua_State *L, const gt_arguments *args) {
  if (!args->reduction && !args->cache && !args->last_only) return 0;
  lua_createtable(L, 0, 3);
  if (args->reduction) {
    lua_pushstring(L, args->reduction);
    lua_setfield(L, -2, "loss_reduction");
  }
  if (args->cache) {
    gtlua_pushcache(L, args->cache);
    lua_setfield(L, -2, "cache");
  }
  if (args->last_only) {
    lua_pushboolean(L, 1);
    lua_setfield(L, -2, "last_only");
  }
  return 1;
}

/* Pushes what has to be called for the module at `box`: its method forward, or, when it has hooks
 * or a multiplier, the library's hooks.run followed by hooks, forward; then the module itself.
 * Returns how many values it pushed. */
static int push_forward(lua_State *L, int box) {
  box = lua_absindex(L, box);
  int top = lua_gettop(L);
  luaL_checkstack(L, 12, "modules nested too deep");
  bool hooked = lua_getiuservalue(L, box, GTLUA_UV_HOOKS) == LUA_TTABLE;
  if (!hooked && gtlua_tomodule(L, box)->multiplier != 1) {
    lua_newtable(L);
    lua_replace(L, -2);
    hooked = true;
  }
  if (hooked) {
    lua_pushcfunction(L, gtlua_require);
    lua_pushliteral(L, "nn.hooks");
    lua_call(L, 1, 1);
    lua_getfield(L, -1, "run");
    lua_replace(L, -2);
    lua_insert(L, -2); /* run, hooks */
  } else {
    lua_pop(L, 1);
  }
  gtlua_module_get(L, box, "forward");
  lua_pushvalue(L, box);
  return lua_gettop(L) - top;
}

/* ---- native code calls Lua ---- */

typedef struct forward_call {
  gt_module *m;
  const gt_arguments *args;
  gt_tensor *out;
} forward_call;

/* Where the function at `index` was defined, for messages: "file.lua:12". */
static const char *definition(lua_State *L, int index) {
  lua_Debug info;
  lua_pushvalue(L, index);
  lua_getinfo(L, ">S", &info);
  return lua_pushfstring(L, "%s:%d", info.short_src, info.linedefined);
}

static int not_a_tensor(lua_State *L, int box, int result) {
  const char *class = gt_module_class_name(gtlua_tomodule(L, box));
  gtlua_module_get(L, box, "forward");
  const char *place = definition(L, -1);
  return gtlua_error(L, "forward of %s (%s) must return a tensor, got %s", class, place,
                     gtlua_typename(L, result));
}

static int protected_forward(lua_State *L) {
  forward_call *call = lua_touserdata(L, 1);
  const gt_arguments *args = call->args;
  if (!gtlua_module_find(L, call->m))
    return gtlua_error(L, "%s has lost its Lua side", gt_module_class_name(call->m));
  int n = push_forward(L, 2) - 1;
  for (int i = 0; i < args->count; i++) push_argument(L, &args->arg[i]);
  n += args->count;
  n += push_options(L, args);
  lua_call(L, n, 1);
  gt_tensor *t = gtlua_testtensor(L, -1);
  if (!t) return not_a_tensor(L, 2, lua_gettop(L));
  call->out = gt_tensor_ref(t);
  return 0;
}

gt_status gtlua_forward(gt_ctx *cx, gt_module *m, const gt_arguments *args, gt_tensor **out) {
  lua_State *L = cx->host;
  forward_call call = {.m = m, .args = args};
  if (!L || !lua_checkstack(L, LUA_MINSTACK))
    return gt_fail(cx, GT_ENOMEM, "%s: modules nested too deep", gt_module_class_name(m));
  lua_pushcfunction(L, protected_forward);
  lua_pushlightuserdata(L, &call);
  if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
    gtlua_keep_error(L);
    return gt_fail(cx, GT_EHOOK, "error in forward of %s", gt_module_class_name(m));
  }
  *out = call.out;
  return GT_OK;
}

/* extra_repr of a class written in Lua; an error becomes part of the text. */
static int protected_repr(lua_State *L) {
  const gt_module *m = lua_touserdata(L, 1);
  if (!gtlua_module_find(L, m)) return 0;
  lua_getiuservalue(L, -1, GTLUA_UV_CLASS);
  if (lua_getfield(L, -1, "extra_repr") == LUA_TNIL) return 0;
  lua_pushvalue(L, 2);
  lua_call(L, 1, 1);
  luaL_tolstring(L, -1, NULL);
  return 1;
}

static void extra_repr(gt_ctx *cx, const gt_module *m, gt_text *out) {
  lua_State *L = cx->host;
  size_t n;
  if (!L || !lua_checkstack(L, LUA_MINSTACK)) return;
  lua_pushcfunction(L, protected_repr);
  lua_pushlightuserdata(L, (void *)m);
  lua_pcall(L, 1, 1, 0);
  const char *text = lua_tolstring(L, -1, &n);
  if (text) gt_text_append(cx, out, text, n);
  lua_pop(L, 1);
}

const gt_module_class gtlua_class_module = {.name = "Module",
                                            .size = sizeof(gt_module),
                                            .forward = gtlua_forward,
                                            .scripted = true,
                                            .extra_repr = extra_repr};

/* What the native class says of itself; a class below it may add to that. */
int gtlua_native_repr(lua_State *L) {
  const gt_module *m = gtlua_tomodule(L, 1);
  gt_ctx *cx = gtlua_cx(L);
  gt_text text = {0};
  if (m->class->extra_repr && m->class->extra_repr != extra_repr)
    m->class->extra_repr(cx, m, &text);
  bool failed = text.failed;
  if (!failed) lua_pushlstring(L, text.data ? text.data : "", text.length);
  gt_text_free(&text);
  if (failed) gtlua_check(L, GT_ENOMEM);
  return 1;
}

/* ---- Lua calls modules ---- */

static int results(lua_State *L, int status, lua_KContext kept) {
  (void)status;
  return lua_gettop(L) - (int)kept;
}

/* With an observer (summary): tells it before and after, under lua_pcall. */
static int call_observed(lua_State *L, gt_module *m, int n) {
  gt_ctx *cx = gtlua_cx(L);
  gt_observer *observer = cx->observer;
  int bottom = lua_gettop(L) - n;
  gtlua_check(L, observer->enter(cx, observer, m));
  int failed = lua_pcall(L, n - 1, LUA_MULTRET, 0);
  gt_tensor *out = failed || lua_gettop(L) == bottom ? NULL : gtlua_testtensor(L, bottom + 1);
  gt_status status = observer->leave(cx, observer, m, out);
  if (failed) return lua_error(L);
  gtlua_check(L, status);
  return lua_gettop(L) - bottom;
}

static int call_lua(lua_State *L, gt_module *m) {
  int arguments = lua_gettop(L) - 1;
  int pushed = push_forward(L, 1);
  lua_rotate(L, 2, pushed); /* below the arguments, above the module, which stays alive */
  if (gtlua_cx(L)->observer) return call_observed(L, m, pushed + arguments);
  lua_callk(L, pushed - 1 + arguments, LUA_MULTRET, 1, results);
  return results(L, LUA_OK, 1);
}

/* Refuses arguments that the forward of a native class would not read. */
static void check_count(lua_State *L, const gt_module *m, const gt_arguments *args) {
  const char *names = m->class->parameters;
  int most = 1, count = args->count;
  for (const char *at = names; at && *at; at++) most += *at == ',';
  while (count > 0 && args->arg[count - 1].count == 0) count--;
  if (names && count > most)
    gtlua_error(L, "%s: forward takes (%s), got %d arguments", gt_module_class_name(m), names,
                count);
}

int gtlua_module_call(lua_State *L) {
  gt_module *m = gtlua_tomodule(L, 1);
  gt_arguments args;
  gt_status status;
  if (m->forward == gtlua_forward) return call_lua(L, m);
  gtlua_toarguments(L, m, 2, &args);
  check_count(L, m, &args);
  gtlua_pressure(L);
  gt_tensor **box = gtlua_box(L);
  GTLUA_RETRY(L, status, call_held(L, m, &args, gt_module_call, box));
  gtlua_check(L, status);
  return 1;
}

int gtlua_native_forward(lua_State *L) {
  gt_module *m = gtlua_tomodule(L, 1);
  gt_arguments args;
  if (!m->class->forward || m->class->forward == gtlua_forward)
    return gtlua_error(L, "%s has no forward: define function %s:forward(…)",
                       gt_module_class_name(m), gt_module_class_name(m));
  gtlua_toarguments(L, m, 2, &args);
  gtlua_pressure(L);
  gt_tensor **box = gtlua_box(L);
  gtlua_check(L, call_held(L, m, &args, m->class->forward, box));
  return 1;
}
