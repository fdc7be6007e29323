/* main.c: the program: makes a session, runs code from -e, a file, a pipe or the prompt in it, and
 * answers with an exit code: 0 ok, 1 error, 2 usage, 3 output lost, 128 + n after signal n. */
#include "lua/bind/bind.h"
#include "shell/capture.h"
#include "shell/cell.h"
#include "shell/child.h"
#include "shell/commands.h"
#include "shell/interrupt.h"
#include "shell/library.h"
#include "shell/line.h"
#include "shell/notebook.h"
#include "shell/options.h"
#include "shell/output.h"
#include "shell/piped.h"
#include "shell/ranks.h"
#include "shell/repl.h"
#include "shell/session.h"
#include "shell/stack.h"
#include "shell/terminal.h"
#include "shell/version.h"
#include "shell/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <lualib.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SH_EXIT_ERROR = 1, SH_EXIT_USAGE = 2, SH_EXIT_LOST = 3 };

/* ---- the end ---- */

/* Why a write failed: some time ago, errno may be about something else by now. */
static const char *reason_of(int number) {
  static const int reasons[] = {EBADF, EDQUOT, EFBIG, EIO, ENOSPC};
  for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
    if (number == reasons[i]) return strerror(number);
  return "write error";
}

/* Output that could not be written turns success into SH_EXIT_LOST. */
static int finish_output(int code) {
  bool lost = fflush(stdout) != 0 || ferror(stdout);
  if (!lost) return code;
  fprintf(stderr, "gptsh: output lost: %s\n", reason_of(errno));
  return code == 0 ? SH_EXIT_LOST : code;
}

/* os.exit([code [, close]]) that checks the output. */
static int exit_now(lua_State *L) {
  int code = lua_isboolean(L, 1) ? !lua_toboolean(L, 1) : (int)luaL_optinteger(L, 1, 0);
  sh_worker_exit(code);
  if (lua_toboolean(L, 2)) {
    sh_interrupt_close(L, code);
    gtlua_close(L);
  }
  sh_capture_stop(); /* a cell that is being recorded */
  code = finish_output(code);
  sh_ranks_close(code);
  exit(code);
}

/* ---- sources ---- */

/* nb.FUNCTION(strings…) of the notebook runner; answers its exit code, or an error message on the
 * stack with SH_EXIT_ERROR. */
static int call_notebook(lua_State *L, const char *function, int arguments) {
  int base = lua_gettop(L) - arguments;
  lua_pushcfunction(L, gtlua_require);
  lua_pushliteral(L, "nb");
  bool ok = lua_pcall(L, 1, 1, 0) == LUA_OK;
  if (ok) {
    lua_getfield(L, -1, function);
    lua_replace(L, -2);
    lua_insert(L, base + 1);
    ok = lua_pcall(L, arguments, 1, 0) == LUA_OK;
  }
  if (!ok) return SH_EXIT_ERROR;
  int code = (int)lua_tointeger(L, -1);
  lua_settop(L, base);
  return code;
}

/* Runs a whole file: its cells when it has markers, else as what it is.  Answers an exit code, and
 * leaves a message when there is one to report. */
static int run_text(lua_State *L, const char *text, size_t size, const char *name) {
  size_t skip = sh_cells_preamble(text, size);
  sh_cells cells;
  if (!sh_cells_find(text, skip, size, &cells)) {
    lua_pushliteral(L, "not enough memory");
    return SH_EXIT_ERROR;
  }
  free(cells.at);
  size_t n = strlen(name), ending = strlen(".ipynb");
  bool jupyter = n > ending && strcmp(name + n - ending, ".ipynb") == 0; /* is refused there */
  if (cells.count > 0 || jupyter) {
    lua_pushlstring(L, text, size);
    lua_pushstring(L, name);
    return call_notebook(L, "play", 2);
  }
  sh_source source = {.text = text + skip, .size = size - skip, .name = name, .first_line = 1};
  sh_result result = *name == '=' ? sh_run_piped(L, &source) : sh_run(L, &source);
  return result == SH_DONE ? 0 : SH_EXIT_ERROR;
}

/* (path) under lua_pcall: its text and name; or the message and nil. */
static int read_program(lua_State *L) {
  const char *path = lua_touserdata(L, 1);
  if (!gtlua_push_program(L, path))
    lua_pushnil(L);
  else
    lua_pushfstring(L, path ? "@%s" : "=stdin", path);
  return 2;
}

/* Runs a file, or stdin for NULL; reports errors. */
static int run_file(lua_State *L, const char *path) {
  int base = lua_gettop(L), code = SH_EXIT_ERROR;
  lua_pushcfunction(L, read_program);
  lua_pushlightuserdata(L, (void *)path);
  if (lua_pcall(L, 1, 2, 0) != LUA_OK) {
    sh_report(L, "gptsh: ");
  } else if (lua_isnil(L, -1)) {
    lua_pushfstring(L, "cannot read %s", lua_tostring(L, -2));
    sh_report(L, "gptsh: ");
  } else {
    size_t size;
    const char *text = lua_tolstring(L, -2, &size);
    code = run_text(L, text, size, lua_tostring(L, -1));
    if (lua_gettop(L) > base + 2 && !sh_interrupted()) sh_report(L, "gptsh: ");
  }
  lua_settop(L, base);
  return code;
}

static int run_code(lua_State *L, const char *code) {
  sh_source source = {.text = code,
                      .size = strlen(code),
                      .name = "=(command line)",
                      .first_line = 1,
                      .mode = SH_INPUT};
  if (sh_run(L, &source) == SH_DONE) return 0;
  if (!sh_interrupted()) sh_report(L, "gptsh: ");
  return SH_EXIT_ERROR;
}

/* "gptsh nb COMMAND": nb.main(command, operands, {{option, value or true}, …}). */
static int run_command(lua_State *L, const sh_options *o) {
  lua_pushstring(L, o->command->name);
  lua_createtable(L, o->operand_count, 0);
  for (int i = 0; i < o->operand_count; i++) {
    lua_pushstring(L, o->operands[i]);
    lua_rawseti(L, -2, i + 1);
  }
  lua_createtable(L, o->given_count, 0);
  for (int i = 0; i < o->given_count; i++) {
    const sh_given *given = &o->given[i];
    lua_createtable(L, 2, 0);
    lua_pushstring(L, given->row->name ? given->row->name : (char[]){given->row->letter, 0});
    lua_rawseti(L, -2, 1);
    if (given->value)
      lua_pushstring(L, given->value);
    else
      lua_pushboolean(L, true);
    lua_rawseti(L, -2, 2);
    lua_rawseti(L, -2, i + 1);
  }
  int top = lua_gettop(L) - 3;
  int code = call_notebook(L, "main", 3);
  if (lua_gettop(L) > top && !sh_interrupted()) sh_report(L, "gptsh: ");
  return code;
}

/* ---- the session ---- */

/* Like lua: arg[0] is the script, what follows it counts up, what precedes it counts down. */
static void set_arguments(lua_State *L, int argc, char **argv, int script) {
  int zero = script < argc ? script : 0;
  lua_createtable(L, argc - zero, zero + 1);
  for (int i = 0; i < argc; i++) {
    lua_pushstring(L, argv[i]);
    lua_rawseti(L, -2, i - zero);
  }
  lua_setglobal(L, "arg");
}

/* A library found by chance in the current folder must not be loaded as code. */
static void trim_cpath(lua_State *L) {
  lua_getglobal(L, LUA_LOADLIBNAME);
  lua_getfield(L, -1, "cpath");
  const char *path = luaL_optstring(L, -1, "");
  luaL_gsub(L, path, ";./?.so", "");
  lua_setfield(L, -3, "cpath");
  lua_pop(L, 2);
}

/* os.setlocale that leaves numbers alone: they have a point in every language. */
static int set_locale(lua_State *L) {
  lua_CFunction own = lua_tocfunction(L, lua_upvalueindex(1));
  int results = own(L);
  setlocale(LC_NUMERIC, "C");
  return results;
}

/* (settings, argc, argv, script) under lua_pcall: opens all libraries. */
static int open_session(lua_State *L) {
  const gtlua_settings *settings = lua_touserdata(L, 1);
  lua_pushboolean(L, true);
  lua_setfield(L, LUA_REGISTRYINDEX, "LUA_NOENV"); /* LUA_PATH and LUA_CPATH have no say */
  luaL_openlibs(L);
  trim_cpath(L);
  sh_interrupt_open(L);
  sh_child_open(L);
  sh_worker_open(L);
  sh_ranks_open(L);
  sh_commands_open(L);
  sh_terminal_open(L);
  sh_notebook_open(L);
  sh_strings_open(L);
  sh_tables_open(L);
  lua_getglobal(L, LUA_OSLIBNAME);
  lua_pushcfunction(L, exit_now);
  lua_setfield(L, -2, "exit");
  lua_getfield(L, -1, "setlocale");
  lua_pushcclosure(L, set_locale, 1);
  lua_setfield(L, -2, "setlocale");
  if (gtlua_open(L, settings) != LUA_OK) return lua_error(L);
  set_arguments(L, (int)lua_tointeger(L, 2), lua_touserdata(L, 3), (int)lua_tointeger(L, 4));
  sh_session_open(L);
  return 0;
}

static bool start(lua_State *L, int argc, char **argv, const sh_options *o, const char *cpu_level) {
  gtlua_settings settings = {.threads = o->threads,
                             .cpu_level = cpu_level,
                             .cuda_library = o->cuda_library,
                             .cuda_index = sh_ranks_local(), /* one device for each process */
                             .version = SH_VERSION};
  lua_pushcfunction(L, open_session);
  lua_pushlightuserdata(L, &settings);
  lua_pushinteger(L, argc);
  lua_pushlightuserdata(L, argv);
  lua_pushinteger(L, o->script);
  return lua_pcall(L, 4, 0, 0) == LUA_OK;
}

/* The init file prepares the prompt: it comes after the user's code, which it cannot change. */
static void run_init(lua_State *L) {
  char path[4096];
  bool known = sh_user_path(path, sizeof path, "XDG_CONFIG_HOME", ".config", "init.lua");
  if (!known || access(path, F_OK) != 0) return;
  run_file(L, path);
  if (sh_interrupted()) fputs("gptsh: the init file was interrupted\n", stderr);
  sh_interrupt_clear(L);
}

/* Runs what the options ask for. */
static int run(lua_State *L, char **argv, int argc, const sh_options *o) {
  bool has_file = o->script < argc;
  bool terminal = isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
  bool has_work = has_file || o->code_count > 0 || o->command;
  bool prompt = o->interactive || o->resume || (!has_work && terminal);
  int code = 0;
  sh_interrupt_install(L, prompt);
  for (int i = 0; i < o->code_count && code == 0; i++) code = run_code(L, o->code[i]);
  if (code == 0 && has_file) code = run_file(L, o->stdin_script ? NULL : argv[o->script]);
  if (code == 0 && o->command) code = run_command(L, o);
  if (code == 0 && !has_work && !prompt) code = run_file(L, NULL);
  if (!prompt || sh_ending()) return code;
  sh_interrupt_clear(L);
  if (!o->no_init) run_init(L);
  sh_repl(L, o->resume);
  return 0;
}

/* A stream that was closed stays unusable: else the first file that is opened would be in its
 * place, and get what is meant for it. */
static void occupy_streams(void) {
  for (int fd = 0; fd <= STDERR_FILENO; fd++) /* open() takes the lowest that is free */
    if (fcntl(fd, F_GETFD) < 0) open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

/* The CPU level to run: the variable GPTSH_CPU may name one.  NULL: not that one. */
static const char *choose_level(void) {
  const char *wanted = getenv("GPTSH_CPU");
  char names[GTLUA_LEVELS];
  const char *level = gtlua_cpu_level(wanted && *wanted ? wanted : NULL, names);
  if (level) return level;
  if (!*names) { /* only with ARCH */
    fputs("gptsh: expected the CPU that this build was made for, and a system that lets programs "
          "use it\n",
          stderr);
    return NULL;
  }
  fprintf(stderr, "gptsh: GPTSH_CPU: expected %s, got '", names);
  gtlua_write_visible(stderr, wanted, strlen(wanted));
  fputs("'\n", stderr);
  return NULL;
}

static void show_version(const char *level, bool levels) {
  printf("%s (%s, %s, CPU level %s)\n", SH_VERSION, LUA_RELEASE, sh_line_name(), level);
  if (levels) gtlua_cpu_levels(level, stdout);
}

static int run_program(int argc, char **argv) {
  occupy_streams();
  sh_output_open();
  signal(SIGCHLD, SIG_DFL); /* our parent may ignore it: children would end unnoticed */
  sh_options options;
  if (!sh_options_read(argc, argv, &options)) {
    sh_options_free(&options);
    return SH_EXIT_USAGE;
  }
  const char *level = options.help ? NULL : choose_level();
  if (!options.help && !level) {
    sh_options_free(&options);
    return SH_EXIT_USAGE;
  }
  if (options.help || options.version) {
    if (options.help)
      sh_options_help(&options, stdout);
    else
      show_version(level, options.version > 1);
    sh_options_free(&options);
    return finish_output(0);
  }
  sh_terminal_set_colour(options.colour);
  if (options.no_environment) unsetenv("GPTSH_HISTORY");
  sh_ranks_hush();
  setlocale(LC_CTYPE, ""); /* UTF-8 in the line editor; numbers keep the point */
  lua_State *L = luaL_newstate();
  if (!L) {
    fputs("gptsh: not enough memory\n", stderr);
    return SH_EXIT_ERROR;
  }
  int code = SH_EXIT_ERROR;
  if (start(L, argc, argv, &options, level))
    code = run(L, argv, argc, &options);
  else
    sh_report(L, "gptsh: ");
  bool interrupted = sh_interrupted();
  sh_interrupt_close(L, sh_ending() ? 128 + sh_ending() : code);
  gtlua_close(L);
  sh_options_free(&options);
  code = finish_output(code);
  if (sh_ending()) return 128 + sh_ending(); /* by mpirun, perhaps, which ends all ranks */
  sh_ranks_close(interrupted && code == 0 ? SH_EXIT_ERROR : code);
  if (interrupted) sh_die_of(SIGINT);
  if (code > 128) sh_die_of(code - 128); /* the notebook runner saved first */
  return code;
}

int main(int argc, char **argv) { return sh_stack_run(run_program, argc, argv); }
