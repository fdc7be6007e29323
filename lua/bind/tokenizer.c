/* tokenizer.c: native tokenizers for the Lua library (lua/lib/gt/tokenizer.lua, which gives the
 * userdata its methods and reads options). */
#include "lua/bind/bind.h"

#include "core/data/bpe_train.h"
#include "core/data/tokenizer_file.h"

#include <string.h>

gt_tokenizer *gtlua_testtokenizer(lua_State *L, int index) {
  gt_tokenizer **box = luaL_testudata(L, index, GTLUA_TOKENIZER);
  return box ? *box : NULL;
}

gt_tokenizer *gtlua_totokenizer(lua_State *L, int index) {
  return gtlua_checkheld(L, index, GTLUA_TOKENIZER);
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
  gt_tokenizer **box = gtlua_checkbox(L, 1, GTLUA_TOKENIZER);
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

/* ---- files ---- */

static const char *const formats[] = {"gptsh", "tiktoken", "gpt2", "minbpe", "sentencepiece", NULL};

/* load(path) -> tokenizer, format */
static int load(lua_State *L) {
  const char *path = gtlua_topath(L, 1);
  gt_tokenizer **box = push_box(L);
  gt_tokenizer_format format = GT_FORMAT_GPTSH;
  gtlua_check(L, gt_tokenizer_load(gtlua_cx(L), path, box, &format));
  lua_pushstring(L, formats[format]);
  return 2;
}

/* save(tok, path, format) */
static int save(lua_State *L) {
  const gt_tokenizer *tok = gtlua_totokenizer(L, 1);
  const char *path = gtlua_topath(L, 2);
  gt_tokenizer_format format = (gt_tokenizer_format)luaL_checkoption(L, 3, NULL, formats);
  gtlua_check(L, gt_tokenizer_save(gtlua_cx(L), tok, path, format));
  return 0;
}

/* The next three finish a tokenizer that has no other owner yet. */

/* add_special(tok, name, id or -1) */
static int add_special(lua_State *L) {
  size_t n;
  gt_tokenizer *tok = gtlua_totokenizer(L, 1);
  const char *name = luaL_checklstring(L, 2, &n);
  gtlua_check(
      L, gt_tokenizer_add_special(gtlua_cx(L), tok, "tokenizer", name, n, luaL_checkinteger(L, 3)));
  return 0;
}

/* set_pattern(tok, pattern); "" for none */
static int set_pattern(lua_State *L) {
  size_t n;
  gt_tokenizer *tok = gtlua_totokenizer(L, 1);
  const char *pattern = luaL_checklstring(L, 2, &n);
  gtlua_check(L, gt_tokenizer_set_pattern(gtlua_cx(L), tok, "load", pattern, n));
  return 0;
}

/* set_marks(tok, bos, eos): ids, or -1 for none; the caller has checked that they exist */
static int set_marks(lua_State *L) {
  gt_tokenizer *tok = gtlua_totokenizer(L, 1);
  tok->bos = (int32_t)luaL_checkinteger(L, 2);
  tok->eos = (int32_t)luaL_checkinteger(L, 3);
  return 0;
}

/* is_pattern(name) -> true for the name of a known pattern */
static int is_pattern(lua_State *L) {
  size_t n;
  const char *name = luaL_checklstring(L, 1, &n);
  lua_pushboolean(L, gt_split_named(name, n) != NULL);
  return 1;
}

/* ---- training ---- */

#define TRAINER_BOX "gt.BpeTrainer"

/* Every call of a trainer has the function that reports, or nil, at stack index 2. */
typedef struct trainer_box {
  gt_bpe_trainer *trainer;
  lua_State *L; /* that runs the current call */
} trainer_box;

static int trainer_gc(lua_State *L) {
  trainer_box *box = gtlua_checkbox(L, 1, TRAINER_BOX);
  gt_bpe_trainer_free(box->trainer);
  box->trainer = NULL;
  return 0;
}

static gt_status report(void *data, const char *phase, int64_t done, int64_t total) {
  lua_State *L = ((trainer_box *)data)->L;
  if (lua_isnil(L, 2)) return GT_OK;
  lua_pushvalue(L, 2);
  lua_pushstring(L, phase);
  lua_pushinteger(L, done);
  lua_pushinteger(L, total);
  if (lua_pcall(L, 3, 0, 0) == LUA_OK) return GT_OK;
  gtlua_keep_error(L);
  return GT_EHOOK;
}

static gt_bpe_trainer *to_trainer(lua_State *L) {
  trainer_box *box = gtlua_checkbox(L, 1, TRAINER_BOX);
  luaL_checkstack(L, 8, "train");
  if (!box->trainer) gtlua_error(L, "this trainer is closed");
  box->L = L;
  return box->trainer;
}

/* trainer(pattern) -> trainer; "" for no cuts */
static int make_trainer(lua_State *L) {
  size_t n;
  const char *pattern = luaL_checklstring(L, 1, &n);
  trainer_box *box = lua_newuserdatauv(L, sizeof *box, 0);
  *box = (trainer_box){0};
  luaL_setmetatable(L, TRAINER_BOX);
  gtlua_check(L, gt_bpe_trainer_new(gtlua_cx(L), pattern, n, report, box, &box->trainer));
  return 1;
}

/* trainer_add(trainer, report, text) */
static int trainer_add(lua_State *L) {
  size_t size;
  const char *text = luaL_checklstring(L, 3, &size);
  gtlua_check(L, gt_bpe_trainer_add(gtlua_cx(L), to_trainer(L), text, size));
  return 0;
}

/* trainer_add_file(trainer, report, path) */
static int trainer_add_file(lua_State *L) {
  const char *path = gtlua_topath(L, 3);
  gtlua_check(L, gt_bpe_trainer_add_file(gtlua_cx(L), to_trainer(L), path));
  return 0;
}

/* trainer_run(trainer, report, vocab_size, min_count) -> tokenizer */
static int trainer_run(lua_State *L) {
  int64_t vocab_size = luaL_checkinteger(L, 3), min_count = luaL_checkinteger(L, 4);
  gt_bpe_trainer *trainer = to_trainer(L);
  gt_tokenizer **box = push_box(L);
  gtlua_check(L, gt_bpe_trainer_run(gtlua_cx(L), trainer, vocab_size, min_count, box));
  return 1;
}

/* ---- encoding and decoding ---- */

/* What encode() was asked for. */
typedef struct request {
  const char *text;
  size_t size;
  bool specials, bos, eos;
} request;

static gt_status encode_ids(gt_ctx *cx, const gt_tokenizer *tok, const request *r, gt_ids *ids) {
  GT_TRY(gt_ids_reserve(cx, ids, 1));
  if (r->bos) ids->data[ids->count++] = tok->bos;
  GT_TRY(gt_tokenizer_encode(cx, tok, r->text, r->size, r->specials, ids));
  GT_TRY(gt_ids_reserve(cx, ids, 1));
  if (r->eos) ids->data[ids->count++] = tok->eos;
  return GT_OK;
}

static gt_status encode_tensor(gt_ctx *cx, const gt_tokenizer *tok, const request *r,
                               gt_tensor **out) {
  gt_ids ids = {0};
  gt_status status = encode_ids(cx, tok, r, &ids);
  if (status == GT_OK) {
    gt_spec spec = gt_spec_make(GT_I64, 1, &ids.count);
    status = gt_tensor_new(cx, &spec, cx->cpu, out);
  }
  if (status == GT_OK) {
    int64_t *data = gt_data(*out);
    for (int64_t i = 0; i < ids.count; i++) data[i] = ids.data[i];
  }
  gt_ids_free(&ids);
  return status;
}

/* encode(tok, text, specials, bos, eos) -> i64 tensor (T); bos and eos must exist when asked for */
static int encode(lua_State *L) {
  const gt_tokenizer *tok = gtlua_totokenizer(L, 1);
  request r = {
      .specials = lua_toboolean(L, 3), .bos = lua_toboolean(L, 4), .eos = lua_toboolean(L, 5)};
  gt_status status;
  r.text = luaL_checklstring(L, 2, &r.size);
  gtlua_pressure(L);
  gt_tensor **box = gtlua_box(L);
  GTLUA_RETRY(L, status, encode_tensor(gtlua_cx(L), tok, &r, box));
  gtlua_check(L, status);
  return 1;
}

/* Pushes a block that holds the ids at index: a tensor (T), (1, T) or (), a list, or an integer. */
static int64_t *push_ids(lua_State *L, int index, int64_t *count) {
  gt_tensor *t = gtlua_testtensor(L, index);
  bool list = lua_type(L, index) == LUA_TTABLE;
  *count = t ? gt_count(t) : list ? gtlua_list_length(L, index, "a list of ids") : 1;
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
    gtlua_check(L, gt_tensor_new(cx, &spec, cx->cpu, box));
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

static const luaL_Reg functions[] = {{"add_special", add_special},
                                     {"bytes", make_bytes},
                                     {"chars", make_chars},
                                     {"decode", decode},
                                     {"encode", encode},
                                     {"facts", facts},
                                     {"find", find},
                                     {"is_pattern", is_pattern},
                                     {"load", load},
                                     {"methods", methods},
                                     {"save", save},
                                     {"set_marks", set_marks},
                                     {"set_pattern", set_pattern},
                                     {"statistics", statistics},
                                     {"token", token},
                                     {"trainer", make_trainer},
                                     {"trainer_add", trainer_add},
                                     {"trainer_add_file", trainer_add_file},
                                     {"trainer_run", trainer_run},
                                     {NULL, NULL}};

void gtlua_open_tokenizer(lua_State *L) {
  gtlua_kind(L, GTLUA_TOKENIZER, GTLUA_META({"__gc", tokenizer_gc}), NULL);
  gtlua_kind(L, TRAINER_BOX, GTLUA_META({"__gc", trainer_gc}), NULL);
  gtlua_native(L, "native.tokenizer", functions);
}
