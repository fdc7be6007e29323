/* commands.c: compiling and showing as the prompt does, its history, the table of options.
 */
#include "shell/commands.h"
#include "lua/bind/bind.h"
#include "shell/line.h"
#include "shell/options.h"
#include "shell/session.h"

#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* compile(text, name) -> function, how its results are shown; raises what the compiler says.  The
 * text is a cell: its top-level locals are session variables. */
static int compile(lua_State *L) {
  sh_source source = {.name = luaL_checkstring(L, 2), .first_line = 1, .mode = SH_CELL};
  source.text = luaL_checklstring(L, 1, &source.size);
  sh_show show;
  if (sh_compile(L, &source, &show) != SH_DONE) return lua_error(L);
  lua_pushinteger(L, show);
  return 2;
}

/* show(how, …): what the prompt does with the results of a compiled function */
static int show(lua_State *L) {
  sh_show how = (sh_show)luaL_checkinteger(L, 1);
  lua_remove(L, 1);
  if (how == SH_SHOW_REST && lua_isnil(L, 1)) lua_remove(L, 1);
  if (how != SH_HIDE) sh_show_values(L);
  return 0;
}

/* variables() -> the table of session variables */
static int variables(lua_State *L) {
  sh_push_variables(L);
  return 1;
}

/* initial() -> set of the globals that were there before the user's */
static int initial(lua_State *L) {
  sh_push_initial(L);
  return 1;
}

/* history() -> {{text, seconds since 1970 or 0}, …}: also of earlier sessions */
static int history(lua_State *L) {
  long long when = 0;
  const char *text;
  lua_newtable(L);
  for (int i = 0; (text = sh_line_history(i, &when)) != NULL; i++) {
    lua_createtable(L, 2, 0);
    lua_pushstring(L, text);
    lua_rawseti(L, -2, 1);
    lua_pushinteger(L, when);
    lua_rawseti(L, -2, 2);
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

/* prefill(text): the next prompt begins with it */
static int prefill(lua_State *L) {
  sh_line_prefill(luaL_checkstring(L, 1));
  return 0;
}

static int change_folder(lua_State *L) {
  const char *path = gtlua_topath(L, 1);
  if (chdir(path) != 0) return luaL_error(L, "cannot go to %s: %s", path, strerror(errno));
  return 0;
}

static int folder(lua_State *L) {
  char path[4096];
  if (!getcwd(path, sizeof path)) return luaL_error(L, "no current folder: %s", strerror(errno));
  lua_pushstring(L, path);
  return 1;
}

bool sh_make_folders(char *path) {
  for (char *p = *path ? strchr(path + 1, '/') : NULL; p; p = strchr(p + 1, '/')) {
    *p = 0;
    int failed = mkdir(path, 0700);
    *p = '/';
    if (failed && errno != EEXIST) return false;
  }
  return true;
}

bool sh_user_path(char *path, size_t size, const char *variable, const char *below_home,
                  const char *name) {
  const char *folder = getenv(variable), *home = getenv("HOME");
  int n = -1;
  if (folder && *folder == '/')
    n = snprintf(path, size, "%s/gptsh/%s", folder, name);
  else if (home)
    n = snprintf(path, size, "%s/%s/gptsh/%s", home, below_home, name);
  return n > 0 && (size_t)n < size;
}

/* append(path, text) -> true, or nil and the reason: in one write, to a file for the user alone
 * that is made, with its folders, when it is not there */
static int append(lua_State *L) {
  size_t size;
  const char *path = gtlua_topath(L, 1), *text = luaL_checklstring(L, 2, &size);
  char copy[4096];
  int fd = -1;
  if (strlen(path) >= sizeof copy) return luaL_fileresult(L, 0, path);
  if (sh_make_folders(strcpy(copy, path)))
    fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);
  bool ok = fd >= 0 && write(fd, text, size) == (ssize_t)size;
  int reason = errno;
  if (fd >= 0) close(fd);
  errno = reason;
  return luaL_fileresult(L, ok, path);
}

/* session_name() -> "20251121-231504-004096-77": date, time, microseconds, process: in the order of
 * their begin */
static int session_name(lua_State *L) {
  char text[64];
  struct timespec now;
  struct tm local;
  clock_gettime(CLOCK_REALTIME, &now);
  localtime_r(&now.tv_sec, &local);
  size_t n = strftime(text, sizeof text, "%Y%m%d-%H%M%S", &local);
  lua_pushlstring(L, text, n);
  snprintf(text, sizeof text, "-%06ld-%d", now.tv_nsec / 1000, (int)getpid());
  lua_pushstring(L, text);
  lua_concat(L, 2);
  return 1;
}

/* stamp(path) -> a text that changes when the file does, or nil when there is none */
static int stamp(lua_State *L) {
  struct stat info;
  char text[96];
  if (stat(gtlua_topath(L, 1), &info) != 0) return 0;
  snprintf(text, sizeof text, "%lld.%09ld %lld", (long long)info.st_mtim.tv_sec,
           info.st_mtim.tv_nsec, (long long)info.st_size);
  lua_pushstring(L, text);
  return 1;
}

/* text(chunk) -> the text of the input that has this name as a chunk, or nil */
static int text(lua_State *L) {
  sh_push_text(L, luaL_checkstring(L, 1));
  return 1;
}

/* traceback() -> message and all frames of the last error, or nil */
static int traceback(lua_State *L) {
  sh_push_traceback(L);
  return 1;
}

static void set_text(lua_State *L, const char *field, const char *text) {
  if (text) lua_pushstring(L, text), lua_setfield(L, -2, field);
}

/* options() -> {{commands, letter, name, value, text}, …}, {{name, operands, text}, …}: the table
 * of options.c, for manual and completion */
static int options(lua_State *L) {
  lua_newtable(L);
  for (lua_Integer i = 0; sh_option_rows[i].text; i++) {
    const sh_option_row *row = &sh_option_rows[i];
    lua_createtable(L, 0, 5);
    set_text(L, "commands", row->commands);
    set_text(L, "letter", row->letter ? (char[]){row->letter, 0} : NULL);
    set_text(L, "name", row->name);
    set_text(L, "value", row->value);
    set_text(L, "text", row->text);
    lua_rawseti(L, -2, i + 1);
  }
  lua_newtable(L);
  for (lua_Integer i = 0; sh_command_rows[i].text; i++) {
    const sh_command_row *row = &sh_command_rows[i];
    lua_createtable(L, 0, 3);
    set_text(L, "name", row->name);
    set_text(L, "operands", row->operands);
    set_text(L, "text", row->text);
    lua_rawseti(L, -2, i + 1);
  }
  return 2;
}

static const luaL_Reg functions[] = {{"append", append},
                                     {"session_name", session_name},
                                     {"chdir", change_folder},
                                     {"compile", compile},
                                     {"folder", folder},
                                     {"history", history},
                                     {"initial", initial},
                                     {"options", options},
                                     {"prefill", prefill},
                                     {"show", show},
                                     {"stamp", stamp},
                                     {"text", text},
                                     {"traceback", traceback},
                                     {"variables", variables},
                                     {NULL, NULL}};

void sh_commands_open(lua_State *L) { gtlua_native(L, "native.shell", functions); }
