/* debug.c: torch.debug: what tests need to provoke faults and to see what is alive. */
#include "core/tensor/allocator.h"
#include "lua/bind/tensor.h"

/* torch.debug.fail_after(n[, persist]): the (n+1)-th allocation from now fails; nil: none */
static int fail_after(lua_State *L) {
  gt_ctx *cx = gtlua_cx(L);
  cx->fail_after = lua_isnoneornil(L, 1) ? -1 : gtlua_toint(L, 1, "fail_after: n");
  cx->fail_persist = lua_toboolean(L, 2);
  return 0;
}

/* torch.debug.interrupt(): as Ctrl-C does */
static int interrupt(lua_State *L) {
  (void)L;
  gtlua_interrupt();
  return 0;
}

static int interrupt_clear(lua_State *L) {
  (void)L;
  gtlua_interrupt_clear();
  return 0;
}

/* torch.debug.refs(tensor) -> references to the native tensor and to its storage */
static int refs(lua_State *L) {
  gt_tensor *t = gtlua_totensor(L, 1);
  lua_pushinteger(L, t->refs);
  lua_pushinteger(L, t->storage ? t->storage->refs : 0);
  return 2;
}

/* torch.debug.version(tensor) -> how often its memory was written in place */
static int version(lua_State *L) {
  gt_tensor *t = gtlua_totensor(L, 1);
  lua_pushinteger(L, t->storage ? t->storage->version : 0);
  return 1;
}

static const luaL_Reg debug_functions[] = {{"fail_after", fail_after},
                                           {"interrupt", interrupt},
                                           {"interrupt_clear", interrupt_clear},
                                           {"refs", refs},
                                           {"version", version},
                                           {NULL, NULL}};

void gtlua_open_debug(lua_State *L) {
  lua_newtable(L);
  luaL_setfuncs(L, debug_functions, 0);
  lua_setfield(L, -2, "debug");
}
