/* terminal.c: questions about the output streams, asked anew each time: a window may be resized. */
#include "shell/terminal.h"

#include <langinfo.h>
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

static bool set(const char *name) {
  const char *value = getenv(name);
  return value && *value;
}

bool sh_terminal_is(int stream) { return isatty(stream); }

bool sh_terminal_colour(int stream) {
  const char *term = getenv("TERM");
  if (set("NO_COLOR")) return false;
  if (set("CLICOLOR_FORCE")) return true;
  return isatty(stream) && term && strcmp(term, "dumb") != 0;
}

static int from_environment(const char *name, int fallback) {
  const char *value = getenv(name);
  int n = value ? atoi(value) : 0;
  return n > 0 && n < 10000 ? n : fallback;
}

void sh_terminal_size(int stream, int *columns, int *rows) {
  struct winsize size;
  bool known = ioctl(stream, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0;
  *columns = known ? size.ws_col : from_environment("COLUMNS", 80);
  *rows = known ? size.ws_row : from_environment("LINES", 24);
}

/* ---- for Lua ---- */

static int terminal_is(lua_State *L) {
  lua_pushboolean(L, sh_terminal_is((int)luaL_checkinteger(L, 1)));
  return 1;
}

static int terminal_colour(lua_State *L) {
  lua_pushboolean(L, sh_terminal_colour((int)luaL_checkinteger(L, 1)));
  return 1;
}

static int terminal_size(lua_State *L) {
  int columns, rows;
  sh_terminal_size((int)luaL_checkinteger(L, 1), &columns, &rows);
  lua_pushinteger(L, columns);
  lua_pushinteger(L, rows);
  return 2;
}

static int terminal_utf8(lua_State *L) {
  lua_pushboolean(L, strcmp(nl_langinfo(CODESET), "UTF-8") == 0);
  return 1;
}

/* Bytes that are no text in this locale count as one cell each. */
static int terminal_width(lua_State *L) {
  size_t size;
  const char *text = luaL_checklstring(L, 1, &size);
  lua_Integer cells = 0;
  mbstate_t state = {0};
  for (size_t at = 0; at < size;) {
    wchar_t c;
    size_t n = mbrtowc(&c, text + at, size - at, &state);
    bool bad = n == (size_t)-1 || n == (size_t)-2;
    int width = bad ? 1 : wcwidth(c);
    if (bad) memset(&state, 0, sizeof state);
    cells += width > 0 ? width : 0;
    at += bad || n == 0 ? 1 : n;
  }
  lua_pushinteger(L, cells);
  return 1;
}

void sh_terminal_open(lua_State *L) {
  static const luaL_Reg functions[] = {{"is", terminal_is},       {"colour", terminal_colour},
                                       {"size", terminal_size},   {"utf8", terminal_utf8},
                                       {"width", terminal_width}, {0}};
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  luaL_newlib(L, functions);
  lua_setfield(L, -2, "native.terminal");
  lua_pop(L, 1);
}
