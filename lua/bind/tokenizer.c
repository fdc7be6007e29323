/* tokenizer.c: native tokenizers for the Lua library (lua/lib/gt/tokenizer.lua, which gives the
 * userdata its methods and reads options). */
#include "lua/bind/bind.h"

#include <string.h>

gt_tokenizer *gtlua_testtokenizer(lua_State *L, int index) {
  gt_tokenizer **box = luaL_testudata(L, index, GTLUA_TOKENIZER);
  return box ? *box : NULL;
}

gt_tokenizer *gtlua_totokenizer(lua_State *L, int index) {
  gt_tokenizer *tok = gtlua_testtokenizer(L, index);
  if (!tok) gtlua_error(L, "expected a tokenizer, got %s", gtlua_typename(L, index));
  return tok;
}

static gt_tokenizer **push_box(lua_State *L) {
  gt_tokenizer **box = lua_newuserdatauv(L, sizeof *box, 0);
  *box = NULL;
  luaL_setmetatable(L, GTLUA_TOKENIZER);
  return box;
}

void gtlua_pushtokenizer(lua_State *L, gt_tokenizer *tok) {
  gt_tokenizer **box = push_box(L);
  *box = gt_tokenizer_ref(tok);
}

static int tokenizer_gc(lua_State *L) {
  gt_tokenizer **box = luaL_checkudata(L, 1, GTLUA_TOKENIZER);
  gt_tokenizer_unref(*box);
  *box = NULL;
  return 0;
}

/* ---- making ---- */

static int make_bytes(lua_State *L) {
  gt_tokenizer **box = push_box(L);
  gtlua_check(L, gt_tokenizer_bytes(gtlua_cx(L), box));
  return 1;
}

/* chars(text) */
static int make_chars(lua_State *L) {
  size_t size;
  const char *text = luaL_checklstring(L, 1, &size);
  gt_tokenizer **box = push_box(L);
  gtlua_check(L, gt_tokenizer_chars(gtlua_cx(L), text, size, box));
  return 1;
}

/* ---- encoding and decoding ---- */

/* Appends a mark when it is asked for; the caller has checked that there is one. */
static gt_status add_mark(gt_ctx *cx, gt_ids *ids, bool wanted, int32_t id) {
  if (!wanted) return GT_OK;
  GT_TRY(gt_ids_reserve(cx, ids, 1));
  ids->data[ids->count++] = id;
  return GT_OK;
}

/* encode(tok, text, specials, bos, eos) -> i64 tensor (T); bos and eos must exist when asked for */
static int encode(lua_State *L) {
  gt_ctx *cx = gtlua_cx(L);
  const gt_tokenizer *tok = gtlua_totokenizer(L, 1);
  size_t size;
  const char *text = luaL_checklstring(L, 2, &size);
  bool specials = lua_toboolean(L, 3), bos = lua_toboolean(L, 4), eos = lua_toboolean(L, 5);
  gt_ids ids = {0};
  gtlua_pressure(L);
  gt_tensor **box = gtlua_box(L);

  gt_status status = add_mark(cx, &ids, bos, tok->bos);
  if (status == GT_OK) status = gt_tokenizer_encode(cx, tok, text, size, specials, &ids);
  if (status == GT_OK) status = add_mark(cx, &ids, eos, tok->eos);
  if (status == GT_OK) {
    gt_spec spec = gt_spec_make(GT_I64, 1, &ids.count);
    status = gt_tensor_new(cx, &spec, &gt_device_cpu, box);
  }
  if (status == GT_OK) {
    int64_t *out = gt_data(*box);
    for (int64_t i = 0; i < ids.count; i++) out[i] = ids.data[i];
  }
  gt_ids_free(&ids);
  gtlua_check(L, status);
  return 1;
}

/* Pushes a block that holds the ids at index: a tensor (T), (1, T) or (), a list, or an integer. */
static int64_t *push_ids(lua_State *L, int index, int64_t *count) {
  gt_tensor *t = gtlua_testtensor(L, index);
  bool list = lua_type(L, index) == LUA_TTABLE;
  *count = t ? gt_count(t) : list ? (int64_t)luaL_len(L, index) : 1;
  int64_t *ids = lua_newuserdatauv(L, (size_t)*count * sizeof *ids + 1, 0);
  if (t) {
    gt_spec spec = gt_spec_of(t);
    char text[GT_SHAPE_TEXT];
    if (t->ndim > 2 || (t->ndim == 2 && t->shape[0] != 1) || gt_dtype_is_float(t->dtype))
      gtlua_error(L, "decode: expected whole numbers of shape (T), got %s of shape %s",
                  gt_dtype_name(t->dtype), gt_shape_text(&spec, text));
    gtlua_check(L, gt_read(gtlua_cx(L), t, GT_I64, ids));
  } else if (list) {
    for (int64_t i = 0; i < *count; i++) {
      lua_geti(L, index, i + 1);
      ids[i] = gtlua_toint(L, -1, "decode: id");
      lua_pop(L, 1);
    }
  } else {
    ids[0] = gtlua_toint(L, index, "decode: ids");
  }
  return ids;
}

static int push_text(lua_State *L, gt_text *text, gt_status status) {
  if (status == GT_OK) lua_pushlstring(L, text->data ? text->data : "", text->length);
  gt_text_free(text);
  gtlua_check(L, status);
  return 1;
}

/* decode(tok, ids) -> string */
static int decode(lua_State *L) {
  const gt_tokenizer *tok = gtlua_totokenizer(L, 1);
  gt_text text = {0};
  int64_t count;
  int64_t *ids = push_ids(L, 2, &count);
  return push_text(L, &text, gt_tokenizer_decode(gtlua_cx(L), tok, ids, count, &text));
}

/* ---- tokens ---- */

/* token(tok, id) -> bytes, or nil */
static int token(lua_State *L) {
  const gt_tokenizer *tok = gtlua_totokenizer(L, 1);
  int64_t id = gtlua_toint(L, 2, "token: id");
  gt_text text = {0};
  if (!gt_vocabulary_has(&tok->vocabulary, id)) return 0;
  gt_token_text(gtlua_cx(L), tok, (int)id, &text);
  return push_text(L, &text, text.failed ? GT_ENOMEM : GT_OK);
}

/* find(tok, bytes) -> id, or nil */
static int find(lua_State *L) {
  const gt_tokenizer *tok = gtlua_totokenizer(L, 1);
  size_t n;
  const char *bytes = luaL_checklstring(L, 2, &n);
  int id = gt_tokenizer_find(tok, bytes, n);
  if (id < 0) return 0;
  lua_pushinteger(L, id);
  return 1;
}

static void push_id(lua_State *L, int id) {
  if (id >= 0)
    lua_pushinteger(L, id);
  else
    lua_pushnil(L);
}

/* facts(tok) -> kind, vocabulary size, bos or nil, eos or nil, {name = id, …} of special tokens,
 * pattern or nil */
static int facts(lua_State *L) {
  const gt_tokenizer *tok = gtlua_totokenizer(L, 1);
  lua_pushstring(L, gt_tokenizer_kind_name(tok->kind));
  lua_pushinteger(L, tok->vocabulary.size);
  push_id(L, tok->bos);
  push_id(L, tok->eos);
  lua_createtable(L, 0, tok->special_count);
  for (int i = 0; i < tok->special_count; i++) {
    int id = tok->specials[i];
    lua_pushlstring(L, gt_token_bytes(&tok->vocabulary, id), tok->vocabulary.tokens[id].length);
    lua_pushinteger(L, id);
    lua_rawset(L, -3);
  }
  const char *pattern = tok->split ? gt_split_pattern(tok->split) : NULL;
  const char *name = pattern ? gt_split_name(pattern) : NULL;
  lua_pushstring(L, name ? name : pattern);
  return 6;
}

/* statistics(tok) -> byte lengths (V) i64, space flags (V) bool, boundary flags (V) bool */
static int statistics(lua_State *L) {
  gt_ctx *cx = gtlua_cx(L);
  const gt_tokenizer *tok = gtlua_totokenizer(L, 1);
  static const gt_dtype dtypes[] = {GT_I64, GT_BOOL, GT_BOOL};
  int64_t size = tok->vocabulary.size;
  void *data[3];
  for (int i = 0; i < 3; i++) {
    gt_tensor **box = gtlua_box(L);
    gt_spec spec = gt_spec_make(dtypes[i], 1, &size);
    gtlua_check(L, gt_tensor_new(cx, &spec, &gt_device_cpu, box));
    data[i] = gt_data(*box);
  }
  for (int id = 0; id < size; id++)
    ((int64_t *)data[0])[id] =
        gt_tokenizer_byte_length(tok, id, (bool *)data[1] + id, (bool *)data[2] + id);
  return 3;
}

/* methods(index, tostring): what tok.name and tostring(tok) call, from the Lua library */
static int methods(lua_State *L) {
  luaL_getmetatable(L, GTLUA_TOKENIZER);
  lua_pushvalue(L, 1);
  lua_setfield(L, -2, "__index");
  lua_pushvalue(L, 2);
  lua_setfield(L, -2, "__tostring");
  return 0;
}

static const luaL_Reg functions[] = {
    {"bytes", make_bytes}, {"chars", make_chars}, {"decode", decode},   {"encode", encode},
    {"facts", facts},      {"find", find},        {"methods", methods}, {"statistics", statistics},
    {"token", token},      {NULL, NULL}};

void gtlua_open_tokenizer(lua_State *L) {
  luaL_newmetatable(L, GTLUA_TOKENIZER);
  lua_pushliteral(L, "Tokenizer");
  lua_setfield(L, -2, "__name");
  lua_pushcfunction(L, tokenizer_gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  luaL_newlib(L, functions);
  lua_setfield(L, -2, "native.tokenizer");
  lua_pop(L, 1);
}
