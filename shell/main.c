/* main.c: the program: options, then code from -e, a file, a pipe or the prompt. */
#include "lua/bind/bind.h"

#include <lualib.h>
#include <stdio.h>
#include <string.h>

/* Until the binding is there: the program links and runs plain Lua. */
#pragma weak gtlua_open
#pragma weak gtlua_close

static int report(lua_State *L, int status) {
  if (status == LUA_OK) return 0;
  const char *message = lua_tostring(L, -1);
  fprintf(stderr, "gptsh: %s\n", message ? message : "(error object)");
  return 1;
}

int main(int argc, char **argv) {
  lua_State *L = luaL_newstate();
  if (!L) return 1;
  luaL_openlibs(L);
  gtlua_settings settings = {0};
  int failed = gtlua_open ? report(L, gtlua_open(L, &settings)) : 0;
  for (int i = 1; i < argc && !failed; i++) {
    if (strcmp(argv[i], "-e") == 0 && i + 1 < argc)
      failed = report(L, luaL_dostring(L, argv[++i]));
    else
      failed = report(L, luaL_dofile(L, strcmp(argv[i], "-") == 0 ? NULL : argv[i]));
  }
  lua_close(L);
  if (gtlua_close) gtlua_close(NULL);
  return failed;
}
