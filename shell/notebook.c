/* notebook.c: cells for Lua: finding, compiling and running them, recording what they print. */
#include "shell/notebook.h"
#include "lua/bind/bind.h"
#include "shell/capture.h"
#include "shell/cell.h"
#include "shell/interrupt.h"
#include "shell/lexer.h"
#include "shell/session.h"
#include "shell/sha256.h"

#include <errno.h>
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

static void set_text(lua_State *L, const char *field, const char *text, size_t size) {
  lua_pushlstring(L, text, size);
  lua_setfield(L, -2, field);
}

static void set_number(lua_State *L, const char *field, lua_Integer n) {
  lua_pushinteger(L, n);
  lua_setfield(L, -2, field);
}

/* ---- finding ---- */

/* Sets keys = {name, value text or true, name, …}. */
static void set_keys(lua_State *L, const char *text, const sh_cell *cell) {
  size_t at = cell->keys;
  sh_cell_key key;
  lua_newtable(L);
  for (lua_Integer n = 0; sh_cell_next_key(text, &at, cell->keys_end, &key); n += 2) {
    lua_pushlstring(L, text + key.name, key.name_size);
    lua_rawseti(L, -2, n + 1);
    if (key.value_size > 0)
      lua_pushlstring(L, text + key.value, key.value_size);
    else
      lua_pushboolean(L, true);
    lua_rawseti(L, -2, n + 2);
  }
  lua_setfield(L, -2, "keys");
}

/* split(text) -> {{number, kind, line, title, keys, body}, …}, size of the preamble.  The first
 * cell is the text before the first marker; `line` is that of the marker.  No cells: no markers.
 */
static int split(lua_State *L) {
  static const char *const kinds[] = {"code", "markdown", "raw"};
  size_t size;
  const char *text = luaL_checklstring(L, 1, &size);
  size_t preamble = sh_cells_preamble(text, size);
  sh_cells cells;
  if (!sh_cells_find(text, preamble, size, &cells)) return luaL_error(L, "not enough memory");
  size_t bytes = (size_t)cells.count * sizeof *cells.at;
  sh_cell *at = lua_newuserdatauv(L, bytes + 1, 0); /* Lua may raise from here on */
  if (bytes > 0) memcpy(at, cells.at, bytes);
  free(cells.at);
  lua_createtable(L, cells.count, 0);
  for (int i = 0; i < cells.count; i++) {
    lua_createtable(L, 0, 6);
    set_number(L, "number", at[i].number);
    set_number(L, "line", at[i].line);
    set_text(L, "kind", kinds[at[i].kind], strlen(kinds[at[i].kind]));
    set_text(L, "title", text + at[i].title, at[i].title_size);
    set_text(L, "body", text + at[i].start, at[i].end - at[i].start);
    set_keys(L, text, &at[i]);
    lua_rawseti(L, -2, i + 1);
  }
  lua_pushinteger(L, (lua_Integer)preamble);
  return 2;
}

/* looks_like_marker(line): to programs that look at lines only */
static int looks_like_marker(lua_State *L) {
  size_t size;
  const char *line = luaL_checklstring(L, 1, &size);
  lua_pushboolean(L, sh_cell_looks_like_marker(line, 0, size));
  return 1;
}

/* tokens(text) -> {{kind, text, line, start, stop}, …}; text[start .. stop] is the token */
static int tokens(lua_State *L) {
  static const char *const kinds[] = {"end", "name", "number", "string", "comment", "symbol"};
  size_t size;
  const char *text = luaL_checklstring(L, 1, &size);
  sh_lexer x = sh_lexer_new(text, size);
  lua_newtable(L);
  lua_Integer n = 0;
  for (sh_token t = sh_lex(&x); t.kind != SH_END; t = sh_lex(&x)) {
    lua_createtable(L, 0, 5);
    set_text(L, "kind", kinds[t.kind], strlen(kinds[t.kind]));
    set_text(L, "text", text + t.start, t.end - t.start);
    set_number(L, "line", t.line);
    set_number(L, "start", (lua_Integer)t.start + 1);
    set_number(L, "stop", (lua_Integer)t.end);
    lua_rawseti(L, -2, ++n);
  }
  return 1;
}

/* ---- running ---- */

/* (text, chunk name, first line, "cell" or "script") */
static sh_source to_source(lua_State *L) {
  sh_source source = {.name = luaL_checkstring(L, 2)};
  source.text = luaL_checklstring(L, 1, &source.size);
  source.first_line = (int)luaL_checkinteger(L, 3);
  source.mode = strcmp(luaL_checkstring(L, 4), "cell") == 0 ? SH_CELL : SH_SCRIPT;
  return source;
}

/* compile(text, name, line, mode) -> nothing, or "failed" or "incomplete" and the message */
static int compile(lua_State *L) {
  sh_source source = to_source(L);
  sh_show show;
  sh_result result = sh_compile(L, &source, &show);
  if (result == SH_DONE) return 0;
  lua_pushstring(L, result == SH_INCOMPLETE ? "incomplete" : "failed");
  lua_insert(L, -2);
  return 2;
}

/* run(text, name, line, mode, seconds, on_value) -> "ok", or "error", "incomplete", "timeout" or
 * "interrupted" and the message.  seconds: the most it may take, or nil; on_value, if a function,
 * gets the text of the values in the place of stdout. */
static int run(lua_State *L) {
  sh_source source = to_source(L);
  double seconds = luaL_optnumber(L, 5, 0);
  lua_settop(L, 6);
  sh_set_display(L);
  if (seconds > 0) sh_interrupt_after(seconds);
  sh_result result = sh_run(L, &source);
  bool late = sh_interrupt_late();
  const char *status = result == SH_DONE         ? "ok"
                       : late                    ? "timeout"
                       : sh_interrupted()        ? "interrupted"
                       : result == SH_INCOMPLETE ? "incomplete"
                                                 : "error";
  if (seconds > 0) sh_interrupt_after(0);
  if (sh_interrupted() && (late || result != SH_DONE)) sh_interrupt_clear(L);
  lua_pushnil(L);
  sh_set_display(L);
  lua_pushstring(L, status);
  if (result == SH_DONE) return 1;
  lua_insert(L, -2);
  return 2;
}

/* variables() -> the table of session variables */
static int variables(lua_State *L) {
  sh_push_variables(L);
  return 1;
}

/* ---- recording ---- */

static int record(lua_State *L) {
  if (!sh_capture_start()) return luaL_error(L, "cannot record stdout: %s", strerror(errno));
  return 0;
}

static int take_bytes(lua_State *L) {
  char **data = lua_touserdata(L, 1);
  lua_pushlstring(L, *data, (size_t)lua_tointeger(L, 2));
  return 1;
}

/* recorded() -> text since the last call, number of bytes that were too many to keep */
static int recorded(lua_State *L) {
  size_t size, lost;
  lua_settop(L, 0);
  char *data = sh_capture_take(&size, &lost);
  if (!data) return luaL_error(L, "not enough memory");
  lua_pushcfunction(L, take_bytes);
  lua_pushlightuserdata(L, &data);
  lua_pushinteger(L, (lua_Integer)size);
  int status = lua_pcall(L, 2, 1, 0);
  free(data);
  if (status != LUA_OK) return lua_error(L);
  lua_pushinteger(L, (lua_Integer)lost);
  return 2;
}

/* stop() -> nothing, or why stdout lost output */
static int stop(lua_State *L) {
  int failure = sh_capture_stop();
  if (failure == 0) return 0;
  lua_pushstring(L, strerror(failure));
  lua_pushboolean(L, failure == EPIPE);
  return 2;
}

static int sha256(lua_State *L) {
  size_t size;
  const char *text = luaL_checklstring(L, 1, &size);
  char digest[SH_SHA256_TEXT];
  lua_pushstring(L, sh_sha256(text, size, digest));
  return 1;
}

void sh_notebook_open(lua_State *L) {
  static const luaL_Reg functions[] = {{"split", split},
                                       {"looks_like_marker", looks_like_marker},
                                       {"tokens", tokens},
                                       {"compile", compile},
                                       {"run", run},
                                       {"variables", variables},
                                       {"record", record},
                                       {"recorded", recorded},
                                       {"stop", stop},
                                       {"sha256", sha256},
                                       {0}};
  /* What the prompt has and notebooks use, from the room above theirs: */
  static const char *const late[][3] = {{"command", "shell.commands", "run"},
                                        {"is_command", "shell.commands", "is_command"},
                                        {"hint", "shell.hints", "add"}};
  lua_newtable(L);
  luaL_setfuncs(L, functions, 0);
  for (int i = 0; i < GT_COUNT(late); i++) {
    gtlua_pushlate(L, late[i][1], late[i][2]);
    lua_setfield(L, -2, late[i][0]);
  }
  gtlua_provide(L, "native.notebook");
}
