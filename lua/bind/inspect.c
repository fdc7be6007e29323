/* inspect.c: summary, dtype and spectral tables for the Lua library (lua/lib/gt/inspect.lua). */
#include "lua/bind/module.h"

#include "core/model/inspect.h"
#include "core/model/spectral.h"

/* Pushes the text and frees it. */
static void push_text(lua_State *L, gt_text *text) {
  lua_pushlstring(L, text->data ? text->data : "", text->length);
  gt_text_free(text);
}

/* summary(m, compat, depth, args…) -> text, {total_params = …, …} */
static int summary(lua_State *L) {
  gt_module *m = gtlua_tomodule(L, 1);
  gt_summary_options options = {lua_toboolean(L, 2), (int)luaL_optinteger(L, 3, 3)};
  gt_arguments args;
  gt_summary made = {0};
  gtlua_toarguments(L, m, 4, &args);
  lua_State *before = gtlua_enter(L);
  gtlua_session *session = gtlua_session_of(L);
  const gt_backend *device = session->device;
  session->device = &gt_backend_meta; /* of tensors that a forward makes, such as positions */
  gt_status status = gt_summary_make(gtlua_cx(L), m, &args, &options, &made);
  session->device = device;
  gtlua_leave(L, before);
  gtlua_check(L, status);

  push_text(L, &made.text);
  const struct {
    const char *name;
    int64_t value;
  } fields[] = {{"total_params", made.total_params}, {"trainable_params", made.trainable_params},
                {"tied_params", made.tied_params},   {"mult_adds", made.mult_adds},
                {"input_bytes", made.input_bytes},   {"output_bytes", made.output_bytes},
                {"param_bytes", made.param_bytes}};
  lua_createtable(L, 0, GT_COUNT(fields));
  for (int i = 0; i < GT_COUNT(fields); i++) {
    lua_pushinteger(L, fields[i].value);
    lua_setfield(L, -2, fields[i].name);
  }
  return 2;
}

/* forward_parameters(m) -> "x, cos_sin" of a native class, nil for the others */
static int forward_parameters(lua_State *L) {
  lua_pushstring(L, gtlua_tomodule(L, 1)->class->parameters);
  return 1;
}

static int dtype_table(lua_State *L) {
  gt_text text = {0};
  gt_status status = gt_dtype_table(gtlua_cx(L), gtlua_tomodule(L, 1), &text);
  if (status) gt_text_free(&text);
  gtlua_check(L, status);
  push_text(L, &text);
  return 1;
}

/* ---- spectral tables ---- */

#define TABLE_BOX "gt.SpectralTable"

static int table_gc(lua_State *L) {
  gt_spectral_free(gtlua_checkbox(L, 1, TABLE_BOX));
  return 0;
}

/* Rows from {name, fan_in, fan_out, name, …} at `list`. */
static gt_status read_rows(lua_State *L, int list, double lr, double scale,
                           gt_spectral_table *out) {
  gt_ctx *cx = gtlua_cx(L);
  int count = gtlua_list_length(L, list, "a model or a list of shapes") / 3;
  out->rows = gt_calloc(cx, (size_t)count + 1, sizeof *out->rows);
  if (!out->rows) return GT_ENOMEM;
  for (int i = 0; i < count; i++) {
    lua_rawgeti(L, list, 3 * i + 1);
    lua_rawgeti(L, list, 3 * i + 2);
    lua_rawgeti(L, list, 3 * i + 3);
    int64_t fan_in = gtlua_toint(L, -2, "spectral.table: fan_in");
    int64_t fan_out = gtlua_toint(L, -1, "spectral.table: fan_out");
    GT_TRY(gt_spectral_row_make(cx, luaL_checkstring(L, -3), fan_in, fan_out, lr, scale,
                                &out->rows[i]));
    out->count++;
    lua_pop(L, 3);
  }
  return GT_OK;
}

static void push_row(lua_State *L, const gt_spectral_row *row) {
  lua_createtable(L, 0, 5);
  lua_pushstring(L, row->name);
  lua_setfield(L, -2, "name");
  lua_pushinteger(L, row->fan_in);
  lua_setfield(L, -2, "fan_in");
  lua_pushinteger(L, row->fan_out);
  lua_setfield(L, -2, "fan_out");
  lua_pushnumber(L, row->multiplier);
  lua_setfield(L, -2, "multiplier");
  lua_pushnumber(L, row->lr);
  lua_setfield(L, -2, "lr");
}

/* spectral(model or {name, fan_in, fan_out, …}, lr, scale) -> text, rows */
static int spectral(lua_State *L) {
  gt_ctx *cx = gtlua_cx(L);
  gt_module *m = gtlua_testmodule(L, 1);
  double lr = luaL_checknumber(L, 2), scale = luaL_checknumber(L, 3);
  gt_text text = {0};
  gt_spectral_table *table = lua_newuserdatauv(L, sizeof *table, 0);
  *table = (gt_spectral_table){0};
  luaL_setmetatable(L, TABLE_BOX);
  gtlua_check(L,
              m ? gt_spectral_model(cx, m, lr, scale, table) : read_rows(L, 1, lr, scale, table));
  gt_status status = gt_spectral_text(cx, table, &text);
  if (status) gt_text_free(&text);
  gtlua_check(L, status);
  push_text(L, &text);
  lua_createtable(L, table->count, 0);
  for (int i = 0; i < table->count; i++) {
    push_row(L, &table->rows[i]);
    lua_rawseti(L, -2, i + 1);
  }
  return 2;
}

static const luaL_Reg functions[] = {{"dtype_table", dtype_table},
                                     {"forward_parameters", forward_parameters},
                                     {"spectral", spectral},
                                     {"summary", summary},
                                     {NULL, NULL}};

void gtlua_open_inspect(lua_State *L) {
  gtlua_kind(L, TABLE_BOX, GTLUA_META({"__gc", table_gc}), NULL);
  gtlua_native(L, "native.inspect", functions);
}
