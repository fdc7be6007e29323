/* train.c: what the trainer (lua/lib/gt/train.lua) is made of: norms and averages over all weights,
 * state hashes, the state of the random streams, and work that Ctrl-C must not leave half done. */
#include "lua/bind/bind.h"

#include "core/data/digest.h"
#include "core/tensor/rng.h"
#include "core/train/average.h"
#include "core/train/clip.h"

#define HASH "gt.hash"

/* ---- lists of tensors ---- */

/* The tensors of the list at `index`, borrowed from it; the array is pushed. */
static gt_tensor **to_tensors(lua_State *L, int index, const char *function, int *count) {
  int n = gtlua_list_length(L, index, "a list of tensors");
  gt_tensor **tensors = lua_newuserdatauv(L, (size_t)n * sizeof *tensors + 1, 0);
  for (int i = 0; i < n; i++) {
    lua_rawgeti(L, index, i + 1);
    tensors[i] = gtlua_testtensor(L, -1);
    if (!tensors[i])
      gtlua_error(L, "%s: item %d: expected a tensor, got %s", function, i + 1,
                  gtlua_typename(L, -1));
    lua_pop(L, 1);
  }
  *count = n;
  return tensors;
}

/* The gradients of the list of parameters at argument 1, those that there are; the array is pushed.
 * No object of Lua is made for a gradient, which would keep its memory until it is collected. */
static gt_tensor **to_gradients(lua_State *L, const char *function, int *count) {
  int n, found = 0;
  gt_tensor **tensors = to_tensors(L, 1, function, &n);
  for (int i = 0; i < n; i++) {
    if (tensors[i]->grad) tensors[found++] = tensors[i]->grad;
  }
  *count = found;
  return tensors;
}

/* norm({parameter, …}) -> sqrt of the sum of the squares of all gradients, number of gradients */
static int norm(lua_State *L) {
  int count;
  double value = 0;
  gt_tensor **gradients = to_gradients(L, "norm", &count);
  gtlua_check(L, gt_global_norm(gtlua_cx(L), gradients, count, &value));
  lua_pushnumber(L, value);
  lua_pushinteger(L, count);
  return 2;
}

/* length(tensor) -> sqrt of the sum of its squares, summed in f64 */
static int length(lua_State *L) {
  double value = 0;
  gt_tensor *t = gtlua_totensor(L, 1);
  gtlua_check(L, gt_global_norm(gtlua_cx(L), &t, 1, &value));
  lua_pushnumber(L, value);
  return 1;
}

/* clip({parameter, …}, limit) -> norm of the gradients before clipping, number of gradients */
static int clip(lua_State *L) {
  int count;
  double value = 0, limit = luaL_checknumber(L, 2);
  gt_tensor **gradients = to_gradients(L, "clip", &count);
  gtlua_check(L, gt_clip(gtlua_cx(L), gradients, count, limit, &value));
  lua_pushnumber(L, value);
  lua_pushinteger(L, count);
  return 2;
}

/* scale({parameter, …}, factor): of the gradients */
static int scale(lua_State *L) {
  int count;
  double factor = luaL_checknumber(L, 2);
  gt_tensor **gradients = to_gradients(L, "scale", &count);
  gtlua_check(L, gt_scale_all(gtlua_cx(L), gradients, count, factor));
  return 0;
}

/* first_nonfinite({tensor, …}) -> position in the list, or nothing */
static int first_nonfinite(lua_State *L) {
  int count, first = -1;
  gt_tensor **tensors = to_tensors(L, 1, "first_nonfinite", &count);
  gtlua_check(L, gt_first_nonfinite(gtlua_cx(L), tensors, count, &first));
  if (first < 0) return 0;
  lua_pushinteger(L, first + 1);
  return 1;
}

/* Two lists of one length. */
static int to_pairs(lua_State *L, const char *function, gt_tensor ***a, gt_tensor ***b) {
  int count, other;
  *a = to_tensors(L, 1, function, &count);
  *b = to_tensors(L, 2, function, &other);
  if (count != other) gtlua_error(L, "%s: expected %d weights, got %d", function, count, other);
  return count;
}

/* average({average, …}, {weight, …}, decay) */
static int average(lua_State *L) {
  gt_tensor **a, **b;
  double decay = luaL_checknumber(L, 3);
  int count = to_pairs(L, "average", &a, &b);
  gtlua_check(L, gt_average_update(gtlua_cx(L), a, b, count, decay));
  return 0;
}

/* swap({tensor, …}, {tensor, …}): exchanges their memory */
static int swap(lua_State *L) {
  gt_tensor **a, **b;
  int count = to_pairs(L, "swap", &a, &b);
  gtlua_check(L, gt_average_swap(gtlua_cx(L), a, b, count));
  return 0;
}

/* ---- hashes ---- */

static gt_digest *to_hash(lua_State *L) { return gtlua_checkheld(L, 1, HASH); }

/* hash() -> object with bytes(text), tensor(t) and text() */
static int new_hash(lua_State *L) {
  gt_digest **box = lua_newuserdatauv(L, sizeof *box, 0);
  *box = NULL;
  luaL_setmetatable(L, HASH);
  gtlua_check(L, gt_digest_new(gtlua_cx(L), box));
  return 1;
}

static int hash_gc(lua_State *L) {
  gt_digest **box = gtlua_checkbox(L, 1, HASH);
  gt_digest_free(*box);
  *box = NULL;
  return 0;
}

static int hash_bytes(lua_State *L) {
  size_t n;
  const char *bytes = luaL_checklstring(L, 2, &n);
  gt_digest_bytes(to_hash(L), &n, sizeof n);
  gt_digest_bytes(to_hash(L), bytes, n);
  return 0;
}

static int hash_tensor(lua_State *L) {
  gtlua_check(L, gt_digest_tensor(gtlua_cx(L), to_hash(L), gtlua_totensor(L, 2)));
  return 0;
}

static int hash_text(lua_State *L) {
  char text[GT_DIGEST_TEXT];
  lua_pushstring(L, gt_digest_text(to_hash(L), text));
  return 1;
}

/* ---- random streams ---- */

/* rng() -> seed, number of the next stream */
static int rng(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)gtlua_cx(L)->seed);
  lua_pushinteger(L, (lua_Integer)gtlua_cx(L)->stream);
  return 2;
}

static int set_rng(lua_State *L) {
  gtlua_cx(L)->seed = (uint64_t)luaL_checkinteger(L, 1);
  gtlua_cx(L)->stream = (uint64_t)luaL_checkinteger(L, 2);
  return 0;
}

/* ---- whole or not at all ---- */

/* guard(cleanup, body, …) -> results of body(…).  When body fails, however it does, cleanup(error)
 * runs to its end before the error continues; an error of cleanup takes its place. */
static int guard(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  luaL_checktype(L, 2, LUA_TFUNCTION);
  if (lua_pcall(L, lua_gettop(L) - 2, LUA_MULTRET, 0) == LUA_OK) return lua_gettop(L) - 1;
  lua_pushvalue(L, 1);
  lua_pushvalue(L, 2);
  gtlua_shield(L, 1, 0); /* leaves the error of cleanup on top, or that of body */
  return lua_error(L);
}

/* shielded(function, …) -> its results; Ctrl-C waits until it has returned */
static int shielded(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  if (gtlua_shield(L, lua_gettop(L) - 1, LUA_MULTRET) != LUA_OK) return lua_error(L);
  return lua_gettop(L);
}

/* ending() -> is the process asked to end? */
static int ending(lua_State *L) {
  lua_pushboolean(L, gtlua_session_of(L)->ending != 0);
  return 1;
}

/* version() -> of the program */
static int version(lua_State *L) {
  lua_pushstring(L, gtlua_session_of(L)->version);
  return 1;
}

static const luaL_Reg hash_methods[] = {
    {"bytes", hash_bytes}, {"tensor", hash_tensor}, {"text", hash_text}, {NULL, NULL}};

static const luaL_Reg functions[] = {{"average", average}, {"clip", clip},
                                     {"ending", ending},   {"first_nonfinite", first_nonfinite},
                                     {"guard", guard},     {"hash", new_hash},
                                     {"length", length},   {"norm", norm},
                                     {"rng", rng},         {"scale", scale},
                                     {"set_rng", set_rng}, {"shielded", shielded},
                                     {"swap", swap},       {"version", version},
                                     {NULL, NULL}};

void gtlua_open_train(lua_State *L) {
  gtlua_kind(L, HASH, GTLUA_META({"__gc", hash_gc}), hash_methods);
  gtlua_native(L, "native.train", functions);
}
