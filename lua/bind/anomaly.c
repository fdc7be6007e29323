/* anomaly.c: torch.autograd.detect_anomaly: a scope in which the op fails that is first to make a
 * nan or an infinity. */
#include "core/model/diary.h"
#include "lua/bind/signature.h"

#define ANOMALY "gt.anomaly_mode"

typedef struct anomaly_mode {
  bool on;
} anomaly_mode;

static int mode_close(lua_State *L) {
  anomaly_mode *mode = gtlua_checkbox(L, 1, ANOMALY);
  if (mode->on) gt_anomaly_close(gtlua_cx(L));
  mode->on = false;
  return 0;
}

/* mode:found() -> the text of what was found since it began, or nil */
static int mode_found(lua_State *L) {
  const anomaly_mode *mode = gtlua_checkbox(L, 1, ANOMALY);
  const gt_anomaly *anomaly = gtlua_cx(L)->anomaly;
  if (!mode->on || !anomaly->found[0]) return 0;
  lua_pushstring(L, anomaly->found);
  return 1;
}

static int mode_tostring(lua_State *L) {
  const anomaly_mode *mode = gtlua_checkbox(L, 1, ANOMALY);
  lua_pushstring(L, mode->on ? "nan and inf are errors until this value is closed: local _ <close> "
                               "= torch.autograd.detect_anomaly()"
                             : "nan and inf are no longer errors");
  return 1;
}

/* torch.autograd.detect_anomaly([function, …]) -> a value that ends it when closed, or the results
 * of the function */
static int detect_anomaly(lua_State *L) {
  int n = lua_gettop(L);
  if (n > 1 && lua_isnil(L, 1)) return gtlua_error(L, "expected a function to run, got nil");
  if (n > 0 && lua_isnil(L, 1)) n = 0;
  anomaly_mode *mode = lua_newuserdatauv(L, sizeof *mode, 0);
  mode->on = false;
  luaL_setmetatable(L, ANOMALY);
  if (n > 0) {
    lua_insert(L, 1);
    lua_toclose(L, 1);
  }
  gtlua_check(L, gt_anomaly_open(gtlua_cx(L)));
  mode->on = true;
  if (n == 0) return 1;
  lua_call(L, n - 1, LUA_MULTRET);
  return lua_gettop(L) - 1;
}

void gtlua_open_anomaly(lua_State *L) {
  static const luaL_Reg methods[] = {{"found", mode_found}, {NULL, NULL}};
  gtlua_kind(
      L, ANOMALY,
      GTLUA_META({"__close", mode_close}, {"__gc", mode_close}, {"__tostring", mode_tostring}),
      methods);
  gtlua_namespace(L, "torch.autograd");
  lua_pushcfunction(L, detect_anomaly);
  gtlua_sign(L, "detect_anomaly(fn: function = nil, ...)");
  lua_setfield(L, -2, "detect_anomaly");
  lua_setfield(L, -2, "autograd");
}
