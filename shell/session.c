/* session.c: cells and scripts: compile, run, show the last expression, describe errors.
 *
 * Cells run with the table of session variables S as _ENV.  Names declared by a top-level `local`
 * are stored in S; all other assignments go to _G, and reads try S, then _G.  So modules do not
 * see the locals of a notebook, and `local type = …` cannot break the library. */
#include "shell/session.h"
#include "lua/bind/bind.h"
#include "shell/chunk.h"
#include "shell/interrupt.h"
#include "shell/lexer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SH_MAX_FRAMES 12
#define SH_SEEN 1000           /* levels of the stack that an error report looks at */
#define SH_TEXTS "shell.texts" /* registry: chunk name -> its text */

static const char variables_key, declared_key, display_key, initial_key, traceback_key;

/* ---- session variables ---- */

void sh_push_variables(lua_State *L) { lua_rawgetp(L, LUA_REGISTRYINDEX, &variables_key); }
void sh_push_initial(lua_State *L) { lua_rawgetp(L, LUA_REGISTRYINDEX, &initial_key); }

/* __newindex of S: upvalues: the declared names, _G. */
static int assign_new(lua_State *L) {
  lua_pushvalue(L, 2);
  if (lua_rawget(L, lua_upvalueindex(1)) == LUA_TNIL) {
    lua_pushvalue(L, 2);
    lua_pushvalue(L, 3);
    lua_settable(L, lua_upvalueindex(2));
  } else {
    lua_settop(L, 3);
    lua_rawset(L, 1);
  }
  return 0;
}

static void keep_initial(lua_State *L) {
  lua_newtable(L);
  lua_pushglobaltable(L);
  for (lua_pushnil(L); lua_next(L, -2);) {
    lua_pop(L, 1);
    lua_pushvalue(L, -1);
    lua_pushboolean(L, true);
    lua_rawset(L, -5);
  }
  lua_pop(L, 1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &initial_key);
}

void sh_session_open(lua_State *L) {
  keep_initial(L);
  lua_newtable(L); /* S */
  lua_newtable(L); /* its metatable */
  lua_pushglobaltable(L);
  lua_setfield(L, -2, "__index");
  lua_newtable(L); /* declared names */
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &declared_key);
  lua_pushglobaltable(L);
  lua_pushcclosure(L, assign_new, 2);
  lua_setfield(L, -2, "__newindex");
  lua_pushboolean(L, false);
  lua_setfield(L, -2, "__metatable"); /* setmetatable(_ENV, …) would take the globals away */
  lua_setmetatable(L, -2);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &variables_key);
}

static void declare(void *data, const char *name, size_t size) {
  lua_State *L = data;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &declared_key);
  lua_pushlstring(L, name, size);
  lua_pushboolean(L, true);
  lua_rawset(L, -3);
  lua_pop(L, 1);
}

/* ---- compiling ---- */

/* The pieces lua_load reads: blank lines up to the source's first one, text, "return nil,",
 * text. */
typedef struct pieces {
  int lines; /* still to be given */
  const char *text[3];
  size_t size[3];
  int next;
} pieces;

static const char *read_piece(lua_State *L, void *data, size_t *size) {
  static const char lines[] = "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n";
  pieces *p = data;
  (void)L;
  if (p->lines > 0) {
    int n = p->lines < (int)sizeof lines - 1 ? p->lines : (int)sizeof lines - 1;
    p->lines -= n;
    *size = (size_t)n;
    return lines;
  }
  while (p->next < 3 && p->size[p->next] == 0) p->next++;
  *size = p->next < 3 ? p->size[p->next] : 0;
  return p->next < 3 ? p->text[p->next++] : NULL;
}

/* Compiles text[from, at) "return nil," text[at, size), or the text as it is for at == size.
 * The nil keeps a call at the end from being a tail call, whose frame errors could not name. */
static int load(lua_State *L, const sh_source *s, size_t from, size_t at) {
  pieces p = {.lines = s->first_line - 1};
  p.text[0] = s->text + from;
  p.size[0] = at - from;
  if (at < s->size) {
    p.text[1] = "return nil,";
    p.size[1] = strlen(p.text[1]);
    p.text[2] = s->text + at;
    p.size[2] = s->size - at;
  }
  return lua_load(L, read_piece, &p, s->name, "t");
}

/* True when the message on top of the stack says that the text ended too early. */
static bool at_end(lua_State *L) {
  static const char mark[] = "<eof>";
  size_t n;
  const char *message = lua_tolstring(L, -1, &n);
  return message && n >= sizeof mark - 1 && strcmp(message + n - (sizeof mark - 1), mark) == 0;
}

/* Goes up from the end of the text until the rest compiles after `return` and all of it does with
 * the `return` in place: then the function is on the stack.  Else nothing is; *incomplete is set
 * when an expression at the end misses its end. */
static bool load_expression(lua_State *L, const sh_source *s, const sh_outline *outline, bool whole,
                            bool *incomplete) {
  for (int i = outline->count - 1; i >= 0; i--) {
    size_t at = outline->starts[i].at;
    if (i > 0 && whole && outline->starts[i].ambiguous) continue;
    int status = load(L, s, at, at);
    bool unfinished = status != LUA_OK && at_end(L);
    lua_pop(L, 1);
    if (status != LUA_OK && !unfinished) continue;
    if (unfinished) {
      sh_source head = *s;
      head.size = at;
      if (load(L, &head, 0, at) == LUA_OK) *incomplete = true;
      lua_pop(L, 1);
      continue;
    }
    if (load(L, s, 0, at) == LUA_OK) return true;
    lua_pop(L, 1);
  }
  return false;
}

static sh_result out_of_memory(lua_State *L) {
  lua_pushliteral(L, "not enough memory");
  return SH_FAILED;
}

/* "for x in y:", "if x: print(x)": a habit of Python's whose rest Lua would wait for. */
static bool opens_with_colon(const char *text, size_t size) {
  static const char *const blocks[] = {"for", "if", "while", "elif"};
  sh_lexer x = sh_lexer_new(text, size);
  sh_token t = sh_lex_code(&x), before = t;
  int line = t.line;
  bool block = false;
  for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
    block = block || sh_token_is(&x, &t, blocks[i]);
  for (; block && t.kind != SH_END && t.line == line; before = t, t = sh_lex_code(&x)) {
    if (sh_token_is(&x, &t, "do") || sh_token_is(&x, &t, "then")) return false;
    bool last = t.end == size || strchr(" \t\r\n", text[t.end]) != NULL;
    if (sh_token_is(&x, &t, ":") && !sh_token_is(&x, &before, ":") && last) return true;
  }
  return false;
}

/* Compiles rewritten text.  The statement form goes first in scripts, where calls are not shown. */
static sh_result compile_text(lua_State *L, const sh_source *s, sh_show *show) {
  sh_outline outline;
  if (!sh_outline_make(s->text, s->size, &outline)) return out_of_memory(L);
  int top = lua_gettop(L);
  bool incomplete = false;
  int whole = load(L, s, 0, s->size);
  bool found = (s->mode != SH_SCRIPT || whole != LUA_OK) &&
               load_expression(L, s, &outline, whole == LUA_OK, &incomplete);
  *show = outline.quiet ? SH_HIDE : found ? SH_SHOW_REST : s->mode != SH_SCRIPT ? SH_SHOW : SH_HIDE;
  free(outline.starts);
  if (found) {
    lua_remove(L, top + 1);
    return SH_DONE;
  }
  if (whole == LUA_OK) return SH_DONE;
  bool more = (incomplete || at_end(L)) && !opens_with_colon(s->text, s->size);
  return more ? SH_INCOMPLETE : SH_FAILED;
}

/* Protected part of sh_compile: (light userdata) -> rewritten text. */
static int rewrite(lua_State *L) {
  const sh_source *source = lua_touserdata(L, 1);
  if (gtlua_refuse_binary(L, source->text, source->name)) return lua_error(L);
  gtlua_rewrite(L, source->text, source->size);
  return 1;
}

sh_result sh_compile(lua_State *L, const sh_source *source, sh_show *show) {
  lua_pushcfunction(L, rewrite);
  lua_pushlightuserdata(L, (void *)source);
  if (lua_pcall(L, 1, 1, 0) != LUA_OK) return SH_FAILED;
  sh_source s = *source;
  s.text = lua_tolstring(L, -1, &s.size);
  char *blanked = NULL;
  if (s.mode == SH_CELL) {
    blanked = sh_blank_locals(s.text, s.size, declare, L, &s.size);
    s.text = blanked;
  }
  sh_result result = s.text ? compile_text(L, &s, show) : out_of_memory(L);
  free(blanked);
  lua_remove(L, -2); /* the rewritten text */
  if (result == SH_DONE && s.mode == SH_CELL) {
    sh_push_variables(L);
    lua_setupvalue(L, -2, 1); /* _ENV */
  }
  return result;
}

/* Protected part of sh_try: (light userdata) -> a sh_result. */
static int try_compile(lua_State *L) {
  const sh_source *source = lua_touserdata(L, 1);
  gtlua_rewrite(L, source->text, source->size);
  sh_source s = *source;
  sh_show show;
  s.text = lua_tolstring(L, -1, &s.size);
  char *blanked = sh_blank_locals(s.text, s.size, NULL, NULL, &s.size);
  s.text = blanked;
  sh_result result = blanked ? compile_text(L, &s, &show) : SH_FAILED;
  free(blanked);
  lua_pushinteger(L, result);
  return 1;
}

sh_result sh_try(lua_State *L, const char *text, size_t size) {
  sh_source source = {
      .text = text, .size = size, .name = "=input", .first_line = 1, .mode = SH_CELL};
  lua_pushcfunction(L, try_compile);
  lua_pushlightuserdata(L, &source);
  bool ok = lua_pcall(L, 1, 1, 0) == LUA_OK;
  sh_result result = ok ? (sh_result)lua_tointeger(L, -1) : SH_FAILED;
  lua_pop(L, 1);
  return result;
}

/* ---- errors ---- */

void sh_keep_text(lua_State *L, const char *name, const char *text) {
  luaL_getsubtable(L, LUA_REGISTRYINDEX, SH_TEXTS);
  lua_pushstring(L, text);
  lua_setfield(L, -2, name);
  lua_pop(L, 1);
}

void sh_push_text(lua_State *L, const char *name) {
  luaL_getsubtable(L, LUA_REGISTRYINDEX, SH_TEXTS);
  lua_getfield(L, -1, name);
  lua_remove(L, -2);
}

/* A frame of the user's code: not C, not the embedded library. */
static bool user_frame(const lua_Debug *frame) {
  return *frame->what != 'C' && strncmp(frame->source, "=builtin:", 9) != 0;
}

/* Pushes line `number` of a text without the blanks around it; false when it has no such line. */
static bool push_line_of(lua_State *L, const char *text, int number) {
  for (int i = 1; i < number && text; i++) {
    text = strchr(text, '\n');
    text += text != NULL;
  }
  if (!text) return false;
  text += strspn(text, " \t");
  lua_pushlstring(L, text, strcspn(text, "\r\n"));
  return true;
}

static bool push_line_of_file(lua_State *L, const char *path, int number) {
  char line[256];
  FILE *f = gtlua_fopen(path);
  bool found = false;
  for (int at = 1; f && at <= number && fgets(line, sizeof line, f);) {
    found = at == number;
    at += strchr(line, '\n') != NULL || found;
  }
  if (f) fclose(f);
  return found && push_line_of(L, line, 1);
}

/* Pushes the source line that the frame is at; false when it is not known. */
static bool push_line(lua_State *L, const lua_Debug *frame) {
  if (*frame->source == '@') return push_line_of_file(L, frame->source + 1, frame->currentline);
  int top = lua_gettop(L);
  sh_push_text(L, frame->source);
  bool found = lua_isstring(L, -1) && push_line_of(L, lua_tostring(L, -1), frame->currentline);
  if (found) lua_replace(L, top + 1);
  lua_settop(L, top + found);
  return found;
}

static void add_frame(lua_State *L, luaL_Buffer *text, const lua_Debug *frame) {
  const char *name = frame->name ? frame->name : NULL;
  lua_pushfstring(L, "\n  %s:%d: in ", frame->short_src, frame->currentline);
  luaL_addvalue(text);
  if (*frame->what == 'm')
    luaL_addstring(text, "main chunk");
  else if (name)
    lua_pushfstring(L, "function '%s'", name), luaL_addvalue(text);
  else
    lua_pushfstring(L, "function <%s:%d>", frame->short_src, frame->linedefined),
        luaL_addvalue(text);
}

/* Adds the source line of the frame; the only line of an input is still in sight. */
static void add_line(lua_State *L, luaL_Buffer *text, const lua_Debug *frame, bool only) {
  if (!push_line(L, frame)) return;
  bool in_sight = only && *frame->source == '=' && frame->currentline == 1;
  lua_pushfstring(L, in_sight ? "" : "\n    %s", lua_tostring(L, -1));
  lua_remove(L, -2);
  luaL_addvalue(text);
}

/* The number of levels of the stack.  Going to a level takes as long as it is deep: so the end is
 * found by halving, and no more than SH_SEEN levels are looked at. */
static int count_levels(lua_State *L) {
  lua_Debug frame;
  int low = 1, high = 1;
  for (; lua_getstack(L, high, &frame); high *= 2) low = high;
  while (low < high) {
    int middle = low + (high - low) / 2;
    if (lua_getstack(L, middle, &frame))
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

/* How many frames of the stack are the user's; of a deep stack all that are not seen count. */
static int count_user_frames(lua_State *L) {
  int levels = count_levels(L), count = levels > SH_SEEN ? levels - SH_SEEN : 0;
  lua_Debug frame;
  for (int level = 1; level < SH_SEEN && lua_getstack(L, level, &frame); level++) {
    lua_getinfo(L, "S", &frame);
    count += user_frame(&frame);
  }
  return count;
}

/* Keeps the whole traceback as text.  An error without a frame of the user's was
 * raised by a %command that reports an earlier error, whose traceback stays. */
static void keep_traceback(lua_State *L, const char *message) {
  if (count_user_frames(L) == 0) return;
  luaL_traceback(L, L, message, 1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &traceback_key);
}

void sh_push_traceback(lua_State *L) { lua_rawgetp(L, LUA_REGISTRYINDEX, &traceback_key); }

/* The traceback: the user's frames with their source lines; of a single one only the line. */
static void push_frames(lua_State *L) {
  int count = count_user_frames(L), shown = 0;
  lua_Debug frame;
  luaL_Buffer text;
  luaL_buffinit(L, &text);
  for (int level = 1; shown < SH_MAX_FRAMES && level < SH_SEEN && lua_getstack(L, level, &frame);
       level++) {
    lua_getinfo(L, "Sln", &frame);
    if (!user_frame(&frame)) continue;
    if (count > 1) add_frame(L, &text, &frame);
    add_line(L, &text, &frame, count == 1);
    shown++;
  }
  if (shown < count) lua_pushfstring(L, "\n  … %d more", count - shown), luaL_addvalue(&text);
  luaL_pushresult(&text);
}

/* Adds the string keys of the table on top of the stack to the names. */
static int add_names(lua_State *L, const char **names, int count, int most) {
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1))
    if (lua_type(L, -2) == LUA_TSTRING && count < most) names[count++] = lua_tostring(L, -2);
  return count;
}

/* " (did you mean 'x'?)" for a message about a global that is nil, or "". */
static void push_hint(lua_State *L, const char *message) {
  enum { MOST = 2000 };
  static const char mark[] = "nil value (global '";
  const char *at = strstr(message, mark), *names[MOST + 1];
  char wrong[64], hint[96] = "";
  size_t n = at ? strcspn(at + strlen(mark), "'") : 0;
  int top = lua_gettop(L);
  if (at && n < sizeof wrong) {
    memcpy(wrong, at + strlen(mark), n);
    wrong[n] = 0;
    sh_push_variables(L);
    int count = add_names(L, names, 0, MOST);
    lua_pushglobaltable(L);
    count = add_names(L, names, count, MOST);
    if (luaL_getmetafield(L, -1, "lazy") == LUA_TTABLE) count = add_names(L, names, count, MOST);
    names[count] = NULL;
    gtlua_suggest(wrong, names, hint);
  }
  lua_settop(L, top);
  lua_pushstring(L, hint);
}

/* Message handler: the error as text, a hint, the user's frames. */
static int describe(lua_State *L) {
  if (sh_interrupted()) {
    lua_pushstring(L, sh_interrupt_late() ? "timed out" : "interrupted");
    keep_traceback(L, lua_tostring(L, -1));
    return 1;
  }
  if (lua_type(L, 1) != LUA_TSTRING && !luaL_getmetafield(L, 1, "__tostring"))
    lua_pushfstring(L, "(error object is a %s value)", luaL_typename(L, 1));
  else
    luaL_tolstring(L, 1, NULL);
  lua_replace(L, 1);
  lua_settop(L, 1);
  keep_traceback(L, lua_tostring(L, 1));
  push_hint(L, lua_tostring(L, 1));
  push_frames(L);
  lua_concat(L, 3);
  return 1;
}

void sh_report(lua_State *L, const char *prefix) {
  const char *message = lua_tostring(L, -1);
  if (!message) message = "error without a message";
  fflush(stdout);
  fputs(prefix, stderr);
  gtlua_write_visible(stderr, message, strlen(message));
  fputc('\n', stderr);
  fflush(stderr);
  lua_pop(L, 1);
}

/* ---- running ---- */

void sh_set_display(lua_State *L) { lua_rawsetp(L, LUA_REGISTRYINDEX, &display_key); }

/* Shows the values on the stack: side by side, or below each other when one takes several lines. */
static void print_values(lua_State *L, int count) {
  const char *between = "\t";
  for (int i = 1; i <= count; i++) {
    gtlua_display(L, i);
    gtlua_make_visible(L, -1);
    if (memchr(lua_tostring(L, -1), '\n', lua_rawlen(L, -1))) between = "\n";
  }
  luaL_Buffer text;
  luaL_buffinit(L, &text);
  for (int i = 1; i <= count; i++) {
    if (i > 1) luaL_addstring(&text, between);
    lua_pushvalue(L, count + i);
    luaL_addvalue(&text);
  }
  luaL_pushresult(&text);
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &display_key) == LUA_TFUNCTION) {
    lua_insert(L, -2);
    lua_call(L, 1, 0);
  } else {
    fwrite(lua_tostring(L, -2), 1, lua_rawlen(L, -2), stdout);
    fputc('\n', stdout);
  }
}

static int get(lua_State *L) {
  lua_gettable(L, 1);
  return 1;
}

/* Pushes the variable, which may be one of _G; nil when its metatable, the user's, refuses. */
static void push_variable(lua_State *L, int variables, const char *name) {
  lua_pushcfunction(L, get);
  lua_pushvalue(L, variables);
  lua_pushstring(L, name);
  if (lua_pcall(L, 2, 1, 0) == LUA_OK) return;
  lua_pop(L, 1);
  lua_pushnil(L);
}

void sh_show_values(lua_State *L) {
  static const char *const names[] = {"___", "__", "_"};
  int count = lua_gettop(L);
  if (count == 0) return;
  luaL_checkstack(L, count + 8, "too many results to show");
  print_values(L, count);
  sh_push_variables(L);
  int variables = lua_gettop(L);
  for (int i = 0; i < 3; i++) { /* raw: the names are session variables, declared or not */
    lua_pushstring(L, names[i]);
    if (i < 2)
      push_variable(L, variables, names[i + 1]);
    else
      lua_pushvalue(L, 1);
    lua_rawset(L, variables);
  }
}

/* Is the only value the file that a write answers, so that writes can follow each other? */
static bool is_output(lua_State *L) {
  const luaL_Stream *file = luaL_testudata(L, 1, LUA_FILEHANDLE);
  return lua_gettop(L) == 1 && file && (file->f == stdout || file->f == stderr);
}

/* Protected part of sh_call: (function, arguments…, show). */
static int call_and_show(lua_State *L) {
  sh_show show = (sh_show)lua_tointeger(L, -1);
  lua_pop(L, 1);
  lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
  if (show == SH_SHOW_REST && lua_isnil(L, 1)) lua_remove(L, 1);
  if (show != SH_HIDE && !is_output(L)) sh_show_values(L);
  return 0;
}

sh_result sh_call(lua_State *L, int arguments, sh_show show) {
  int base = lua_gettop(L) - arguments;
  lua_pushcfunction(L, describe);
  lua_insert(L, base);
  lua_pushcfunction(L, call_and_show);
  lua_insert(L, base + 1);
  lua_pushinteger(L, show);
  int status = lua_pcall(L, arguments + 2, 0, base);
  lua_remove(L, base);
  return status == LUA_OK ? SH_DONE : SH_FAILED;
}

static int push_arguments(lua_State *L) {
  lua_pushglobaltable(L);
  lua_pushliteral(L, "arg");
  bool given = lua_rawget(L, -2) == LUA_TTABLE; /* raw: nothing here may raise */
  lua_remove(L, -2);
  if (!given) {
    lua_pop(L, 1);
    return 0;
  }
  int count = (int)lua_rawlen(L, -1);
  int table = lua_gettop(L);
  if (!lua_checkstack(L, count + 8)) count = 0;
  for (int i = 1; i <= count; i++) lua_rawgeti(L, table, i);
  lua_remove(L, table);
  return count;
}

sh_result sh_run(lua_State *L, const sh_source *source) {
  sh_show show;
  sh_result result = sh_compile(L, source, &show);
  return result == SH_DONE ? sh_call(L, push_arguments(L), show) : result;
}
