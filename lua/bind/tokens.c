/* tokens.c: token sequences, loaders and lists of files for the Lua library (lua/lib/gt/data.lua
 * makes the objects that users see). */
#include "lua/bind/bind.h"

#include "core/data/loader.h"
#include "core/data/paths.h"
#include "core/data/plain_text.h"

#define TOKENS "gt.NativeTokens"
#define LOADER "gt.NativeLoader"
#define PATHS "gt.Paths" /* holds a list while it is handed to Lua */
#define TEXT "gt.PlainText"

static gt_tokens *to_tokens(lua_State *L, int index) { return gtlua_checkheld(L, index, TOKENS); }

static gt_loader *to_loader(lua_State *L, int index) { return gtlua_checkheld(L, index, LOADER); }

/* Pushes an empty box; core fills it. */
static void *push_box(lua_State *L, const char *type) {
  void **box = lua_newuserdatauv(L, sizeof *box, 0);
  *box = NULL;
  luaL_setmetatable(L, type);
  return box;
}

static int tokens_gc(lua_State *L) {
  gt_tokens **box = gtlua_checkbox(L, 1, TOKENS);
  gt_tokens_unref(*box);
  *box = NULL;
  return 0;
}

static int loader_gc(lua_State *L) {
  gt_loader **box = gtlua_checkbox(L, 1, LOADER);
  gt_loader_free(*box);
  *box = NULL;
  return 0;
}

static int paths_gc(lua_State *L) {
  gt_paths_free(gtlua_checkbox(L, 1, PATHS));
  return 0;
}

static int text_gc(lua_State *L) {
  char **box = gtlua_checkbox(L, 1, TEXT);
  gt_free(*box);
  *box = NULL;
  return 0;
}

/* ---- files ---- */

static int push_paths(lua_State *L, gt_status (*find)(gt_ctx *, const char *, gt_paths *)) {
  const char *path = gtlua_topath(L, 1);
  gt_paths *paths = lua_newuserdatauv(L, sizeof *paths, 0);
  *paths = (gt_paths){0};
  luaL_setmetatable(L, PATHS);
  gtlua_check(L, find(gtlua_cx(L), path, paths));
  lua_createtable(L, paths->count, 0);
  for (int i = 0; i < paths->count; i++) {
    lua_pushstring(L, paths->items[i]);
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

/* match(pattern) -> sorted paths */
static int match(lua_State *L) { return push_paths(L, gt_paths_match); }

/* below(folder) -> sorted paths of the files in it and in its folders */
static int below(lua_State *L) { return push_paths(L, gt_paths_below); }

static int is_folder(lua_State *L) {
  lua_pushboolean(L, gt_is_folder(gtlua_topath(L, 1)));
  return 1;
}

/* Pushes nil and the message when the status says that a file is not text; raises when it could not
 * be read; else answers 0. */
static int no_text(lua_State *L, gt_status status) {
  if (status != GT_EFORMAT) gtlua_check(L, status);
  if (status == GT_OK) return 0;
  lua_pushnil(L);
  lua_pushstring(L, gtlua_cx(L)->message);
  return 2;
}

/* read_text(path, checked) -> text, or nil and the message when it is not text */
static int read_text(lua_State *L) {
  const char *path = gtlua_topath(L, 1);
  size_t size = 0;
  char **text = push_box(L, TEXT);
  gt_status status = gt_text_read(gtlua_cx(L), path, lua_toboolean(L, 2), text, &size);
  if (status) return no_text(L, status);
  lua_pushlstring(L, *text, size);
  gt_free(*text);
  *text = NULL;
  return 1;
}

/* is_text(path): judged by the first bytes */
static int is_text(lua_State *L) {
  bool yes = false;
  gtlua_check(L, gt_text_begins(gtlua_cx(L), gtlua_topath(L, 1), &yes));
  lua_pushboolean(L, yes);
  return 1;
}

/* check_text(name, text): raises when it is not text */
static int check_text(lua_State *L) {
  size_t size;
  const char *text = luaL_checklstring(L, 2, &size);
  gtlua_check(L, gt_text_check(gtlua_cx(L), luaL_checkstring(L, 1), text, size));
  return 0;
}

/* ---- sequences ---- */

/* new(vocab_size) -> empty sequence; 0: not known yet */
static int new_tokens(lua_State *L) {
  int64_t vocab_size = luaL_checkinteger(L, 1);
  gtlua_check(L, gt_tokens_new(gtlua_cx(L), vocab_size, push_box(L, TOKENS)));
  return 1;
}

/* add_text(tokens, tokenizer, text) */
static int add_text(lua_State *L) {
  size_t n;
  gt_tokens *t = to_tokens(L, 1);
  const gt_tokenizer *tok = gtlua_totokenizer(L, 2);
  const char *text = luaL_checklstring(L, 3, &n);
  gtlua_check(L, gt_tokens_append_text(gtlua_cx(L), t, tok, text, n));
  return 0;
}

/* add_file(tokens, tokenizer, path, checked) -> true, or nil and the message when it is not text */
static int add_file(lua_State *L) {
  gt_ctx *cx = gtlua_cx(L);
  gt_tokens *t = to_tokens(L, 1);
  const gt_tokenizer *tok = gtlua_totokenizer(L, 2);
  const char *path = gtlua_topath(L, 3);
  char *text = NULL;
  size_t n = 0;
  gt_status status = gt_text_read(cx, path, lua_toboolean(L, 4), &text, &n);
  if (status) return no_text(L, status);
  status = gt_tokens_append_text(cx, t, tok, text, n);
  gt_free(text);
  gtlua_check(L, status);
  lua_pushboolean(L, true);
  return 1;
}

/* add_shard(tokens, path, format): "any", "modded", "llama3", "nanogpt" */
static int add_shard(lua_State *L) {
  static const char *const names[] = {"modded", "llama3", "nanogpt", "any", NULL};
  gt_tokens *t = to_tokens(L, 1);
  const char *path = gtlua_topath(L, 2);
  gt_shard_format format = (gt_shard_format)luaL_checkoption(L, 3, "any", names);
  gtlua_check(L, gt_tokens_append_shard(gtlua_cx(L), t, path, format));
  return 0;
}

/* add_ids(tokens, tensor of whole numbers from 0 on, below the vocabulary) */
static int add_ids(lua_State *L) {
  gt_tokens *t = to_tokens(L, 1);
  gt_tensor *ids = gtlua_totensor(L, 2);
  int32_t *values = lua_newuserdatauv(L, (size_t)gt_count(ids) * sizeof *values + 1, 0);
  gtlua_check(L, gt_read(gtlua_cx(L), ids, GT_I32, values));
  gtlua_check(L, gt_tokens_append(gtlua_cx(L), t, values, gt_count(ids)));
  return 0;
}

/* file(path) -> a text that tells this file from any other, whatever names it has */
static int file_key(lua_State *L) {
  gt_file file;
  gtlua_check(L, gt_file_open(gtlua_cx(L), gtlua_topath(L, 1), &file));
  lua_pushfstring(L, "%I:%I", (lua_Integer)file.device, (lua_Integer)file.inode);
  gt_file_close(&file);
  return 1;
}

/* count(tokens) */
static int count(lua_State *L) {
  lua_pushinteger(L, gt_tokens_count(to_tokens(L, 1)));
  return 1;
}

/* vocab(tokens[, new]) -> vocab_size */
static int vocab(lua_State *L) {
  gt_tokens *t = to_tokens(L, 1);
  if (!lua_isnoneornil(L, 2)) gt_tokens_set_vocab(t, luaL_checkinteger(L, 2));
  lua_pushinteger(L, gt_tokens_vocab(t));
  return 1;
}

/* view(tokens, begin, end) */
static int view(lua_State *L) {
  gt_tokens *t = to_tokens(L, 1);
  int64_t begin = luaL_checkinteger(L, 2), end = luaL_checkinteger(L, 3);
  gtlua_check(L, gt_tokens_view(gtlua_cx(L), t, begin, end, push_box(L, TOKENS)));
  return 1;
}

/* get(tokens, i) -> id */
static int get(lua_State *L) {
  int64_t id = 0;
  gtlua_check(L, gt_tokens_read(gtlua_cx(L), to_tokens(L, 1), luaL_checkinteger(L, 2), 1, &id));
  lua_pushinteger(L, id);
  return 1;
}

/* Pushes a new i64 tensor on the CPU and tells where its elements are. */
static int64_t *push_ids(lua_State *L, int ndim, const int64_t *shape) {
  gt_spec spec = gt_spec_make(GT_I64, ndim, shape);
  gt_tensor **box = gtlua_box(L);
  gt_status status;
  GTLUA_RETRY(L, status, gt_tensor_new(gtlua_cx(L), &spec, gtlua_cx(L)->cpu, box));
  gtlua_check(L, status);
  return gt_data(*box);
}

/* slice(tokens, begin, end) -> tensor */
static int slice(lua_State *L) {
  gt_tokens *t = to_tokens(L, 1);
  int64_t begin = luaL_checkinteger(L, 2), n = luaL_checkinteger(L, 3) - begin;
  gtlua_pressure(L);
  int64_t *ids = push_ids(L, 1, &n);
  gtlua_check(L, gt_tokens_read(gtlua_cx(L), t, begin, n, ids));
  return 1;
}

/* shard(tokens, i) -> path, format, key that tells its content from others, or nothing */
static int shard(lua_State *L) {
  gt_tokens *t = to_tokens(L, 1);
  lua_Integer i = luaL_checkinteger(L, 2) - 1;
  if (i < 0 || i >= gt_tokens_shards(t)) return 0;
  const gt_shard *s = gt_tokens_shard(t, (int)i);
  lua_pushstring(L, s->file.path);
  lua_pushstring(L, gt_shard_format_name(s->format));
  lua_pushfstring(L, "%I:%I:%I:%I:%s", (lua_Integer)s->file.device, (lua_Integer)s->file.inode,
                  (lua_Integer)s->file.modified, (lua_Integer)s->file.size,
                  gt_shard_format_name(s->format));
  return 3;
}

/* verify(tokens, i) -> largest id of shard i, number of its ids */
static int verify(lua_State *L) {
  gt_tokens *t = to_tokens(L, 1);
  int64_t largest = 0;
  lua_Integer i = luaL_checkinteger(L, 2) - 1;
  if (i < 0 || i >= gt_tokens_shards(t))
    return gtlua_error(L, "verify: expected a shard of %d, got %lld", gt_tokens_shards(t),
                       (long long)i + 1);
  gtlua_check(L, gt_tokens_verify(gtlua_cx(L), t, (int)i, &largest));
  lua_pushinteger(L, largest);
  lua_pushinteger(L, gt_tokens_shard(t, (int)i)->count);
  return 2;
}

/* save(tokens, path, format) */
static int save(lua_State *L) {
  static const char *const names[] = {"modded", "llama3", "nanogpt", NULL};
  gt_tokens *t = to_tokens(L, 1);
  const char *path = gtlua_topath(L, 2);
  gt_shard_format format = (gt_shard_format)luaL_checkoption(L, 3, NULL, names);
  gtlua_check(L, gt_tokens_save(gtlua_cx(L), t, path, format));
  return 0;
}

/* ---- batches ---- */

/* loader(tokens, B, T, order, seed, bos or -1) -> loader, batches per epoch */
static int new_loader(lua_State *L) {
  static const char *const orders[] = {"sequential", "shuffled", "random", NULL};
  gt_tokens *t = to_tokens(L, 1);
  gt_loader_settings settings = {.B = luaL_checkinteger(L, 2),
                                 .T = luaL_checkinteger(L, 3),
                                 .order = (gt_order)luaL_checkoption(L, 4, NULL, orders),
                                 .seed = (uint64_t)luaL_checkinteger(L, 5),
                                 .bos = luaL_checkinteger(L, 6)};
  gt_loader **box = push_box(L, LOADER);
  gtlua_check(L, gt_loader_new(gtlua_cx(L), t, &settings, box));
  lua_pushinteger(L, gt_loader_batches(*box));
  return 2;
}

/* batch(loader, step) -> x, y */
static int batch(lua_State *L) {
  gt_loader *l = to_loader(L, 1);
  const gt_loader_settings *s = gt_loader_settings_of(l);
  int64_t step = luaL_checkinteger(L, 2);
  gtlua_pressure(L);
  int64_t *x = push_ids(L, 2, (int64_t[]){s->B, s->T});
  int64_t *y = push_ids(L, 2, (int64_t[]){s->B, s->T});
  gtlua_check(L, gt_loader_batch(gtlua_cx(L), l, step, x, y));
  return 2;
}

/* window(tokens, B, T, n) -> x, y, targets, or nothing after the last */
static int window(lua_State *L) {
  gt_tokens *t = to_tokens(L, 1);
  int64_t B = luaL_checkinteger(L, 2), T = luaL_checkinteger(L, 3);
  gt_window w = gt_window_of(t, B, T, luaL_checkinteger(L, 4));
  if (!w.rows) return 0;
  gtlua_pressure(L);
  int64_t *x = push_ids(L, 2, (int64_t[]){w.rows, T});
  int64_t *y = push_ids(L, 2, (int64_t[]){w.rows, T});
  gtlua_check(L, gt_window_read(gtlua_cx(L), t, &w, T, x, y));
  lua_pushinteger(L, w.targets);
  return 3;
}

static const luaL_Reg functions[] = {{"add_file", add_file},
                                     {"add_ids", add_ids},
                                     {"add_shard", add_shard},
                                     {"add_text", add_text},
                                     {"batch", batch},
                                     {"below", below},
                                     {"check_text", check_text},
                                     {"count", count},
                                     {"file", file_key},
                                     {"get", get},
                                     {"is_folder", is_folder},
                                     {"is_text", is_text},
                                     {"loader", new_loader},
                                     {"match", match},
                                     {"new", new_tokens},
                                     {"read_text", read_text},
                                     {"save", save},
                                     {"shard", shard},
                                     {"slice", slice},
                                     {"verify", verify},
                                     {"view", view},
                                     {"vocab", vocab},
                                     {"window", window},
                                     {NULL, NULL}};

void gtlua_open_tokens(lua_State *L) {
  gtlua_kind(L, TOKENS, GTLUA_META({"__gc", tokens_gc}), NULL);
  gtlua_kind(L, LOADER, GTLUA_META({"__gc", loader_gc}), NULL);
  gtlua_kind(L, PATHS, GTLUA_META({"__gc", paths_gc}), NULL);
  gtlua_kind(L, TEXT, GTLUA_META({"__gc", text_gc}), NULL);
  gtlua_native(L, "native.tokens", functions);
}
