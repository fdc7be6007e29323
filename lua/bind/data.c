/* data.c: files of tensors for the Lua library (lua/lib/torch/files.lua). */
#include "lua/bind/bind.h"

#include "core/data/base64.h"
#include "core/data/safetensors.h"
#include "core/data/what.h"

#include <string.h>

#define FILE_BOX "gt.TensorFile" /* holds what was read while it is handed to Lua */

static int file_gc(lua_State *L) {
  gt_tensor_file_free(gtlua_cx(L), gtlua_checkbox(L, 1, FILE_BOX));
  return 0;
}

/* load_safetensors(path) -> {name, tensor, name, tensor, …} in file order, {key, value, …}; in
 * place of a tensor whose dtype is not supported, the name of that dtype */
static int load_safetensors(lua_State *L) {
  gt_ctx *cx = gtlua_cx(L);
  const char *path = gtlua_topath(L, 1);
  gt_status status;
  gtlua_pressure(L);
  gt_tensor_file *file = lua_newuserdatauv(L, sizeof *file, 0);
  *file = (gt_tensor_file){0};
  luaL_setmetatable(L, FILE_BOX);
  GTLUA_RETRY(L, status, gt_safetensors_load(cx, path, file));
  gtlua_check(L, status);

  lua_createtable(L, 2 * file->count, 0);
  for (int i = 0; i < file->count; i++) {
    lua_pushstring(L, file->items[i].name);
    lua_rawseti(L, -2, 2 * i + 1);
    if (file->items[i].unsupported)
      lua_pushstring(L, file->items[i].unsupported);
    else
      gtlua_pushtensor(L, file->items[i].tensor);
    lua_rawseti(L, -2, 2 * i + 2);
  }
  lua_createtable(L, 2 * file->metadata_count, 0);
  for (int i = 0; i < 2 * file->metadata_count; i++) {
    lua_pushstring(L, file->metadata[i]);
    lua_rawseti(L, -2, i + 1);
  }
  return 2;
}

/* The string at list[i]; the list keeps it alive.  It must not hold a NUL: core names end there. */
static char *string_item(lua_State *L, int list, int i, const char *what) {
  size_t n;
  lua_rawgeti(L, list, i);
  const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &n) : NULL;
  if (!text || strlen(text) != n)
    gtlua_error(L, "save: %s must be strings without NUL, got %s", what, gtlua_typename(L, -1));
  lua_pop(L, 1);
  return (char *)text;
}

/* save_safetensors(path, {name, tensor, …}, {key, value, …}) */
static int save_safetensors(lua_State *L) {
  const char *path = gtlua_topath(L, 1);
  gt_tensor_file file = {.count = gtlua_list_length(L, 2, "a list of names and tensors") / 2,
                         .metadata_count =
                             gtlua_list_length(L, 3, "a list of keys and values") / 2};
  lua_settop(L, 3);
  file.items = lua_newuserdatauv(L, (size_t)file.count * sizeof *file.items + 1, 0);
  file.metadata =
      lua_newuserdatauv(L, 2 * (size_t)file.metadata_count * sizeof *file.metadata + 1, 0);
  for (int i = 0; i < file.count; i++) {
    file.items[i].name = string_item(L, 2, 2 * i + 1, "names");
    lua_rawgeti(L, 2, 2 * i + 2);
    file.items[i].tensor = gtlua_testtensor(L, -1);
    if (!file.items[i].tensor)
      return gtlua_error(L, "save: expected '%s' to be a tensor, got %s", file.items[i].name,
                         gtlua_typename(L, -1));
    lua_pop(L, 1);
  }
  for (int i = 0; i < 2 * file.metadata_count; i++)
    file.metadata[i] = string_item(L, 3, i + 1, "metadata");
  gt_status status;
  GTLUA_RETRY(L, status, gt_safetensors_save(gtlua_cx(L), path, &file));
  gtlua_check(L, status);
  return 0;
}

/* base64(bytes) -> text */
static int base64(lua_State *L) {
  size_t size;
  const char *bytes = luaL_checklstring(L, 1, &size);
  gt_text text = {0};
  gt_base64_add(gtlua_cx(L), &text, bytes, size);
  if (text.failed) {
    gt_text_free(&text);
    return gtlua_error(L, "base64: not enough memory");
  }
  lua_pushlstring(L, text.data ? text.data : "", text.length);
  gt_text_free(&text);
  return 1;
}

/* what(bytes) -> what a file that begins with them is ("a gzip archive"), or nothing */
static int what(lua_State *L) {
  size_t size;
  const char *bytes = luaL_checklstring(L, 1, &size);
  lua_pushstring(L, gt_what(bytes, size));
  return 1;
}

static const luaL_Reg functions[] = {{"load_safetensors", load_safetensors},
                                     {"save_safetensors", save_safetensors},
                                     {"base64", base64},
                                     {"what", what},
                                     {NULL, NULL}};

void gtlua_open_data(lua_State *L) {
  gtlua_kind(L, FILE_BOX, GTLUA_META({"__gc", file_gc}), NULL);
  gtlua_native(L, "native.data", functions);
}
