/* gpt.c: the GPT from Lua: its settings, its parts, its cache.  A configuration in Lua is a table
 * of plain values; the checks and the names are core's. */
#include "lua/bind/module.h"
#include "lua/bind/setting.h"

#include "core/model/block.h"
#include "core/model/gpt.h"
#include "core/model/sample.h"

#include <string.h>

#define CACHE "gt.Cache"

/* ---- settings ---- */

static void read_config(lua_State *L, int index, gt_gpt_config *config) {
  gt_value value;
  luaL_checktype(L, index, LUA_TTABLE);
  for (int i = 0; i < GT_GPT_SETTINGS; i++) {
    lua_getfield(L, index, gt_gpt_settings[i].name);
    gtlua_read_setting(L, "GPTConfig", &gt_gpt_settings[i], lua_gettop(L), &value);
    gt_gpt_set(config, i, &value);
    lua_pop(L, 1);
  }
  gtlua_check(L, gt_gpt_config_check(gtlua_cx(L), config));
}

static void push_config(lua_State *L, const gt_gpt_config *config) {
  lua_createtable(L, 0, GT_GPT_SETTINGS);
  for (int i = 0; i < GT_GPT_SETTINGS; i++) {
    gt_value value = gt_gpt_get(config, i);
    gtlua_push_setting(L, &gt_gpt_settings[i], &value);
    lua_setfield(L, -2, gt_gpt_settings[i].name);
  }
}

/* gpt_config(m) -> table of its settings, or nothing when m is not a native GPT */
static int gpt_config(lua_State *L) {
  const gt_gpt_config *config = gt_gpt_config_of(gtlua_tomodule(L, 1));
  if (!config) return 0;
  push_config(L, config);
  return 1;
}

/* gpt_settings() -> {{name, type, default, doc}, …} in order */
static int gpt_settings(lua_State *L) {
  gtlua_push_settings(L, gt_gpt_settings, GT_GPT_SETTINGS);
  return 1;
}

/* gpt_setting(name, value) -> the value as it is kept; raises when it is of the wrong kind */
static int gpt_setting(lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  int i = gt_setting_find(gt_gpt_settings, GT_GPT_SETTINGS, name);
  gt_value value;
  lua_settop(L, 2);
  if (i < 0) return gtlua_error(L, "GPTConfig has no field '%s'", name);
  gtlua_read_setting(L, "GPTConfig", &gt_gpt_settings[i], 2, &value);
  gtlua_push_setting(L, &gt_gpt_settings[i], &value);
  return 1;
}

/* gpt_count(config) -> parameters of the model that the configuration makes */
static int gpt_count(lua_State *L) {
  gt_gpt_config config;
  int64_t count = 0;
  read_config(L, 1, &config);
  gtlua_check(L, gt_gpt_count(gtlua_cx(L), &config, &count));
  lua_pushinteger(L, count);
  return 1;
}

/* ---- modules ---- */

/* init_gpt(self, which, config, device); which: attention, feed_forward, block, gpt */
static int init_gpt(lua_State *L) {
  static const char *const names[] = {"attention", "feed_forward", "block", "gpt", NULL};
  static gt_status (*const makers[])(gt_ctx *, const gt_gpt_config *, const gt_backend *,
                                     gt_module **) = {gt_attention_new, gt_feed_forward_new,
                                                      gt_block_new, gt_gpt_new};
  gt_module **box = gtlua_open_box(L);
  int which = luaL_checkoption(L, 2, NULL, names);
  gt_gpt_config config;
  read_config(L, 3, &config);
  const gt_backend *device = gtlua_device_at(L, 4);
  gt_status status;
  gtlua_pressure(L);
  GTLUA_RETRY(L, status, makers[which](gtlua_cx(L), &config, device, box));
  return gtlua_filled(L, status);
}

static int gpt_init_weights(lua_State *L) {
  gt_module *m = gtlua_tomodule(L, 1);
  gt_status status;
  GTLUA_RETRY(L, status, gt_gpt_init_weights(gtlua_cx(L), m));
  gtlua_check(L, status);
  return 0;
}

/* gpt_takes_cache(m) -> boolean */
static int gpt_takes_cache(lua_State *L) {
  lua_pushboolean(L, gt_gpt_takes_cache(gtlua_tomodule(L, 1)));
  return 1;
}

/* ---- the cache ---- */

gt_cache *gtlua_tocache(lua_State *L, int index) {
  gt_cache **box = luaL_testudata(L, index, CACHE);
  if (!box) gtlua_error(L, "expected a cache (model:cache{…}), got %s", gtlua_typename(L, index));
  if (!*box) gtlua_error(L, "this cache is closed");
  return *box;
}

static gt_cache **cache_box(lua_State *L) {
  gt_cache **box = lua_newuserdatauv(L, sizeof *box, 0);
  *box = NULL;
  luaL_setmetatable(L, CACHE);
  return box;
}

void gtlua_pushcache(lua_State *L, gt_cache *cache) { *cache_box(L) = gt_cache_ref(cache); }

/* new_cache(layers, B, T) */
static int new_cache(lua_State *L) {
  int64_t layers = gtlua_toint(L, 1, "cache: layers");
  int64_t batch = gtlua_toint(L, 2, "cache: B"), capacity = gtlua_toint(L, 3, "cache: T");
  gtlua_check(L, gt_cache_new(gtlua_cx(L), layers, batch, capacity, cache_box(L)));
  return 1;
}

static int cache_free(lua_State *L) {
  gt_cache **box = gtlua_checkbox(L, 1, CACHE);
  gt_cache_unref(gtlua_cx(L), *box);
  *box = NULL;
  return 0;
}

static int cache_close(lua_State *L) {
  gtlua_checkbox(L, 1, CACHE);
  return gtlua_finalizing(L) ? 0 : cache_free(L);
}

/* cache:reset([tokens = 0]): forgets all but the first tokens -> cache */
static int cache_reset(lua_State *L) {
  gt_cache *cache = gtlua_tocache(L, 1);
  int64_t tokens = lua_isnoneornil(L, 2) ? 0 : gtlua_toint(L, 2, "reset: tokens");
  gtlua_check(L, gt_cache_truncate(gtlua_cx(L), cache, tokens));
  lua_settop(L, 1);
  return 1;
}

static int cache_length(lua_State *L) {
  lua_pushinteger(L, gtlua_tocache(L, 1)->position);
  return 1;
}

static int cache_tostring(lua_State *L) {
  const gt_cache *cache = gtlua_tocache(L, 1);
  lua_pushfstring(L, "Cache(B=%I, T=%I, position=%I, layers=%d)", (lua_Integer)cache->batch,
                  (lua_Integer)cache->capacity, (lua_Integer)cache->position, cache->layers);
  return 1;
}

static const luaL_Reg cache_methods[] = {
    {"reset", cache_reset}, {"free", cache_close}, {NULL, NULL}};
static const char *const cache_fields[] = {"B", "T", "position", "nbytes", "reset", "free", NULL};

static int cache_index(lua_State *L) {
  const gt_cache *cache = gtlua_tocache(L, 1);
  const char *key = luaL_checkstring(L, 2);
  char hint[96];
  if (strcmp(key, "B") == 0)
    lua_pushinteger(L, cache->batch);
  else if (strcmp(key, "T") == 0)
    lua_pushinteger(L, cache->capacity);
  else if (strcmp(key, "position") == 0)
    lua_pushinteger(L, cache->position);
  else if (strcmp(key, "nbytes") == 0)
    lua_pushinteger(L, (lua_Integer)gt_cache_bytes(cache));
  else if (strcmp(key, "reset") == 0)
    lua_pushcfunction(L, cache_reset);
  else if (strcmp(key, "free") == 0)
    lua_pushcfunction(L, cache_close);
  else
    return gtlua_error(L, "cache has no field '%s'%s", key, gtlua_suggest(key, cache_fields, hint));
  return 1;
}

/* ---- sampling ---- */

/* sample(logits (B, V), ids (B, T), position, temperature, top_k, top_p, seed) -> {token, …}, one
 * per row, written into ids[:, position] too */
static int sample(lua_State *L) {
  gt_tensor *logits = gtlua_totensor(L, 1), *ids = gtlua_totensor(L, 2);
  lua_Integer position = luaL_checkinteger(L, 3);
  gt_sampling settings = {.temperature = luaL_checknumber(L, 4),
                          .top_k = luaL_checkinteger(L, 5),
                          .top_p = luaL_checknumber(L, 6),
                          .seed = (uint64_t)luaL_checkinteger(L, 7)};
  int64_t B = logits->shape[0];
  luaL_argcheck(L,
                ids->ndim == 2 && ids->dtype == GT_I64 && gt_is_contiguous(ids) &&
                    gt_device_of(ids)->host && logits->ndim == 2 && ids->shape[0] == B &&
                    position >= 0 && position < ids->shape[1],
                2, "no room for a token of each row");
  int64_t *tokens = lua_newuserdatauv(L, (size_t)B * sizeof *tokens + 1, 0);
  gtlua_check(L, gt_sample(gtlua_cx(L), logits, &settings, (uint64_t)position, tokens));
  int64_t *to = gt_data(ids);
  gt_touch(ids);
  lua_createtable(L, (int)B, 0);
  for (int64_t b = 0; b < B; b++) {
    to[b * ids->shape[1] + position] = tokens[b];
    lua_pushinteger(L, tokens[b]);
    lua_rawseti(L, -2, b + 1);
  }
  return 1;
}

/* sample_check(temperature, top_k, top_p): raises when sample would */
static int sample_check(lua_State *L) {
  gt_sampling settings = {.temperature = luaL_checknumber(L, 1),
                          .top_k = luaL_checkinteger(L, 2),
                          .top_p = luaL_checknumber(L, 3)};
  gtlua_check(L, gt_sampling_check(gtlua_cx(L), &settings));
  return 0;
}

/* A view of the rows of an int64 matrix; unlike ops these work while an interrupt is pending. */
static int push_view(lua_State *L, gt_tensor *t, int ndim, int64_t rows, int64_t columns,
                     int64_t offset) {
  int64_t shape[2] = {rows, columns};
  int skip = 2 - ndim;
  gtlua_check(L, gt_tensor_view(gtlua_cx(L), t, ndim, shape + skip, t->stride + skip,
                                t->offset + offset, gtlua_box(L)));
  return 1;
}

/* columns(t (B, T), n) -> t[:, :n] */
static int columns(lua_State *L) {
  gt_tensor *t = gtlua_totensor(L, 1);
  lua_Integer n = luaL_checkinteger(L, 2);
  luaL_argcheck(L, t->ndim == 2 && n >= 0 && n <= t->shape[1], 2, "no such columns");
  return push_view(L, t, 2, t->shape[0], n, 0);
}

/* row(t (B, T), b) -> t[b] */
static int row(lua_State *L) {
  gt_tensor *t = gtlua_totensor(L, 1);
  lua_Integer b = luaL_checkinteger(L, 2);
  luaL_argcheck(L, t->ndim == 2 && b >= 0 && b < t->shape[0], 2, "no such row");
  return push_view(L, t, 1, 1, t->shape[1], b * t->stride[0]);
}

/* interrupted() -> whether Ctrl-C is waiting to be heard */
static int interrupted(lua_State *L) {
  lua_pushboolean(L, gt_interrupted(gtlua_cx(L)));
  return 1;
}

static const luaL_Reg cache_meta[] = {{"__gc", cache_free},           {"__close", cache_close},
                                      {"__len", cache_length},        {"__index", cache_index},
                                      {"__tostring", cache_tostring}, {NULL, NULL}};

static const luaL_Reg functions[] = {{"gpt_config", gpt_config},
                                     {"gpt_count", gpt_count},
                                     {"gpt_init_weights", gpt_init_weights},
                                     {"gpt_setting", gpt_setting},
                                     {"gpt_settings", gpt_settings},
                                     {"gpt_takes_cache", gpt_takes_cache},
                                     {"init_gpt", init_gpt},
                                     {"new_cache", new_cache},
                                     {"sample", sample},
                                     {"sample_check", sample_check},
                                     {"columns", columns},
                                     {"row", row},
                                     {"interrupted", interrupted},
                                     {NULL, NULL}};

void gtlua_add_gpt(lua_State *L) {
  gtlua_kind(L, CACHE, cache_meta, cache_methods);
  gtlua_list_fields(L, CACHE, cache_fields);
  luaL_setfuncs(L, functions, 0);
}
