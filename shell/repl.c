/* repl.c: the prompt: reads lines until they make a complete input, runs it as a cell. */
#include "shell/repl.h"
#include "lua/bind/bind.h"
#include "shell/commands.h"
#include "shell/complete.h"
#include "shell/input.h"
#include "shell/interrupt.h"
#include "shell/line.h"
#include "shell/session.h"
#include "shell/version.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SH_SHOWN "shell.shown" /* registry: the text of the value that the input showed last */

/* An input under construction. */
typedef struct input {
  char *text;
  size_t size;
} input;

/* False when memory is short: the line is lost, what was there stays. */
static bool add_line(input *in, const char *line) {
  size_t n = strlen(line), extra = in->size > 0 ? 1 : 0;
  char *text = realloc(in->text, in->size + extra + n + 1);
  if (!text) return false;
  if (extra) text[in->size] = '\n';
  memcpy(text + in->size + extra, line, n + 1);
  in->text = text;
  in->size += extra + n;
  return true;
}

static void drop(input *in) {
  free(in->text);
  *in = (input){0};
}

static bool is_blank(const char *text) { return text[strspn(text, " \t\r\n")] == 0; }

/* ---- commands: words that are not Lua by themselves ---- */

typedef enum sh_after { SH_NEXT_INPUT, SH_RUN_TEXT, SH_LEAVE } sh_after;

typedef struct sh_command {
  const char *word;
  /* `argument`: the rest of the line, without blanks around it.  May put Lua to run in its place.
   */
  sh_after (*run)(const char *argument, input *in);
} sh_command;

static sh_after command_quit(const char *argument, input *in) {
  (void)in;
  return *argument ? SH_RUN_TEXT : SH_LEAVE;
}

/* "help", "help NAME": a call of the library's help(). */
static sh_after command_help(const char *argument, input *in) {
  static const char about[] =
      "Type Lua; an unfinished input continues on the next line.  The value of the last expression\n"
      "is shown: end it with ; to hide it; _ __ ___ are the last values shown.  Top-level locals\n"
      "stay.  Tab completes names.  Ctrl-C drops the input or stops the code; training pauses.\n"
      "NAME? or help NAME tells about a function, NAME?? shows its source: torch.softmax?\n"
      "%help lists the commands that begin with %; !COMMAND runs a program.  Ctrl-D or quit ends.\n";
  char code[128];
  if (argument[strcspn(argument, " \t()=,\"'")]) return SH_RUN_TEXT; /* it is Lua */
  snprintf(code, sizeof code, *argument ? "help \"%.100s\"" : "help()", argument);
  if (!*argument) fputs(about, stdout);
  drop(in);
  return add_line(in, code) ? SH_RUN_TEXT : SH_NEXT_INPUT;
}

static const sh_command commands[] = {{"exit", command_quit},
                                      {"exit()", command_quit},
                                      {"help", command_help},
                                      {"quit", command_quit},
                                      {"quit()", command_quit}};

/* Runs the command that the input is, if it is one. */
static sh_after run_command(input *in) {
  char line[256];
  const char *start = in->text + strspn(in->text, " \t");
  size_t n = strcspn(start, " \t\r\n"), size = strlen(start);
  if (size >= sizeof line || strchr(start, '\n')) return SH_RUN_TEXT;
  memcpy(line, start, size + 1);
  while (size > 0 && strchr(" \t\r", line[size - 1])) line[--size] = 0;
  for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
    if (strlen(commands[i].word) == n && memcmp(commands[i].word, start, n) == 0)
      return commands[i].run(line + n + strspn(line + n, " \t"), in);
  return SH_RUN_TEXT;
}

/* ---- running ---- */

/* Calls the function of an embedded module with the `count` arguments on top of the stack; its
 * `results` are left there when it worked, else a message. */
static bool call_library(lua_State *L, const char *module, const char *function, int count,
                         int results) {
  int base = lua_gettop(L) - count;
  lua_pushcfunction(L, gtlua_require);
  lua_pushstring(L, module);
  bool ok = lua_pcall(L, 1, 1, 0) == LUA_OK;
  if (ok) {
    lua_getfield(L, -1, function);
    lua_replace(L, -2);
    lua_insert(L, base + 1);
    ok = lua_pcall(L, count, results, 0) == LUA_OK;
  }
  return ok;
}

/* "%name …", "!command", "name?" */
static sh_result run_special(lua_State *L, const char *text) {
  lua_pushcfunction(L, gtlua_require);
  lua_pushliteral(L, "shell.special");
  if (lua_pcall(L, 1, 1, 0) != LUA_OK) return SH_FAILED;
  lua_getfield(L, -1, "run");
  lua_replace(L, -2);
  lua_pushstring(L, text);
  return sh_call(L, 1, SH_HIDE);
}

static sh_result run_lua(lua_State *L, const input *in, const char *name) {
  sh_source source = {
      .text = in->text, .size = in->size, .name = name, .first_line = 1, .mode = SH_CELL};
  sh_show show;
  if (in->text[0] == '=') { /* Lua's old habit: =x shows x */
    source.text++;
    source.size--;
  }
  sh_result result = sh_compile(L, &source, &show);
  return result == SH_DONE ? sh_call(L, 0, show) : result;
}

/* What displayed text goes through: (text) is written, and kept for the journal. */
static int show_and_keep(lua_State *L) {
  fwrite(lua_tostring(L, 1), 1, lua_rawlen(L, 1), stdout);
  fputc('\n', stdout);
  lua_settop(L, 1);
  lua_setfield(L, LUA_REGISTRYINDEX, SH_SHOWN);
  return 0;
}

static double seconds_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Tells the library of an input that ended; its error message is on top of the stack if it failed.
 */
static void note_input(lua_State *L, const char *text, sh_result result, double seconds) {
  bool interrupted = sh_interrupted();
  sh_interrupt_clear(L);
  lua_pushstring(L, text);
  lua_pushboolean(L, result == SH_DONE);
  lua_pushboolean(L, interrupted);
  lua_pushnumber(L, seconds);
  lua_getfield(L, LUA_REGISTRYINDEX, SH_SHOWN);
  if (result == SH_FAILED)
    lua_pushvalue(L, 1);
  else
    lua_pushnil(L);
  lua_pushboolean(L, isatty(STDIN_FILENO));
  if (!call_library(L, "shell.inputs", "done", 7, 0)) sh_report(L, "");
}

/* Adds to the message on top of the stack what the input may have meant, where that is known. */
static void add_hint(lua_State *L, const char *text) {
  int top = lua_gettop(L);
  if (sh_interrupted() || lua_type(L, top) != LUA_TSTRING) return;
  lua_pushstring(L, text);
  lua_pushvalue(L, top);
  if (call_library(L, "shell.hints", "add", 2, 1)) lua_replace(L, top);
  lua_settop(L, top);
}

/* Tells the library that an input is about to run. */
static void begin_input(lua_State *L) {
  if (!call_library(L, "shell.inputs", "begin", 0, 0)) sh_report(L, "");
  lua_settop(L, 0);
}

/* Runs the input and shows its value or error.  SH_INCOMPLETE: nothing ran, more lines are needed.
 */
static sh_result run_input(lua_State *L, const input *in, int number) {
  char name[32];
  snprintf(name, sizeof name, "=input %d", number);
  lua_settop(L, 0);
  sh_interrupt_clear(L);
  sh_keep_text(L, name, in->text);
  lua_pushnil(L);
  lua_setfield(L, LUA_REGISTRYINDEX, SH_SHOWN);
  lua_pushcfunction(L, show_and_keep);
  sh_set_display(L);
  begin_input(L);
  double began = seconds_now();
  sh_result result =
      sh_input_is_command(in->text) ? run_special(L, in->text) : run_lua(L, in, name);
  if (result != SH_INCOMPLETE) {
    if (result == SH_FAILED) {
      add_hint(L, in->text);
      lua_pushvalue(L, -1);
      lua_insert(L, 1); /* for note_input() */
      sh_report(L, "");
    }
    fflush(stdout);
    if (!sh_ending()) note_input(L, in->text, result, seconds_now() - began);
    fflush(stdout);
  }
  lua_settop(L, 0);
  return result;
}

/* --resume: runs the inputs of the last session again as far as they work, when the user wants it.
 * Answers the number of the next input. */
static int replay(lua_State *L, int number) {
  lua_settop(L, 0);
  if (!call_library(L, "shell.journal", "resume", 0, 1)) {
    sh_report(L, "");
    sh_interrupt_clear(L);
    return number;
  }
  lua_Integer count = (lua_Integer)lua_rawlen(L, 1);
  int list = luaL_ref(L, LUA_REGISTRYINDEX);
  sh_result result = SH_DONE;
  for (lua_Integer i = 1; i <= count && result == SH_DONE && !sh_ending(); i++) {
    input in = {0};
    lua_rawgeti(L, LUA_REGISTRYINDEX, list);
    lua_rawgeti(L, -1, i);
    if (!add_line(&in, lua_tostring(L, -1))) break;
    printf("gpt> %s\n", in.text);
    result = run_input(L, &in, number++);
    if (result != SH_DONE) fprintf(stderr, "stopped there\n");
    drop(&in);
  }
  luaL_unref(L, LUA_REGISTRYINDEX, list);
  lua_settop(L, 0);
  if (!call_library(L, "shell.journal", "resumed", 0, 0)) sh_report(L, "");
  return number;
}

/* The process is asked to end: what the library can keep of the session it keeps. */
static void keep_session(lua_State *L) {
  sh_interrupt_clear(L);
  lua_settop(L, 0);
  if (!call_library(L, "shell.journal", "leaving", 0, 0)) sh_report(L, "");
}

/* "gpt> ", or what the user or a paused trainer puts in its place; on the stack. */
static const char *prompt_text(lua_State *L, bool first, int number) {
  lua_settop(L, 0);
  lua_pushglobaltable(L);
  lua_pushstring(L, first ? "_PROMPT" : "_PROMPT2");
  bool plain = lua_rawget(L, -2) == LUA_TNIL && (number == 1 || !first);
  lua_pushboolean(L, first);
  if (!plain && call_library(L, "shell.inputs", "prompt", 1, 1) && lua_isstring(L, -1))
    return lua_tostring(L, -1);
  return first ? "gpt> " : "...> ";
}

/* GPTSH_HISTORY (empty: none), else $XDG_STATE_HOME/gptsh/history, else ~/.local/state/…; NULL: no
 * history.  Missing folders are made. */
static const char *history_file(char *path, size_t size) {
  const char *given = getenv("GPTSH_HISTORY");
  bool known = given ? *given && strlen(given) < size
                     : sh_user_path(path, size, "XDG_STATE_HOME", ".local/state", "history");
  if (known && given) strcpy(path, given);
  return known && sh_make_folders(path) ? path : NULL;
}

static char *enter(void *data, const char *text, bool *more) {
  return sh_input_enter(data, text, more);
}

/* Ctrl-D, quit, exit: may be taken back while a run is paused. */
static bool may_leave(lua_State *L) {
  lua_settop(L, 0);
  if (call_library(L, "shell.inputs", "leave", 0, 1)) return lua_toboolean(L, -1);
  bool interrupted = sh_interrupted();
  sh_report(L, "");
  sh_interrupt_clear(L);
  return !interrupted;
}

void sh_repl(lua_State *L, bool resume) {
  char path[4096];
  sh_line_helper helper = {.data = L, .complete = sh_complete, .enter = enter};
  sh_line_open(history_file(path, sizeof path), &helper);
  if (isatty(STDOUT_FILENO)) printf("%s · help, Ctrl-D ends\n", SH_VERSION);
  input in = {0};
  int number = resume ? replay(L, 1) : 1;
  for (;;) {
    char *line;
    if (sh_ending()) break;
    sh_line_status status = sh_line_read(prompt_text(L, !in.text, number), &line);
    if (status == SH_LINE_INTERRUPTED || (status == SH_LINE_END && in.text)) {
      sh_interrupt_clear(L);
      drop(&in);
      continue;
    }
    if (status == SH_LINE_END && may_leave(L)) break;
    if (status == SH_LINE_END) continue;
    add_line(&in, in.text ? sh_input_after_prompt(line) : line);
    free(line);
    if (!in.text) continue;
    sh_input_strip_prompts(L, in.text);
    in.size = strlen(in.text);
    bool blank = is_blank(in.text);
    sh_after after = blank ? SH_NEXT_INPUT : run_command(&in);
    if (after == SH_LEAVE && may_leave(L)) break;
    if (after != SH_RUN_TEXT) {
      drop(&in);
    } else if (run_input(L, &in, number) != SH_INCOMPLETE) {
      sh_line_remember(in.text);
      drop(&in);
      number++;
    }
  }
  drop(&in);
  sh_line_close();
  if (sh_ending()) keep_session(L);
}
