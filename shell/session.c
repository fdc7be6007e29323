/* session.c: cells and scripts: compile, run, show the last expression, describe errors.
 *
 * Cells run with the table of session variables S as _ENV.  Names declared by a top-level `local`
 * are stored in S; all other assignments go on to _G, and reads try S, then _G.  So modules do not
 * see the locals of a notebook, and `local type = …` cannot break the library. */
#include "shell/session.h"
#include "lua/bind/bind.h"
#include "shell/chunk.h"
#include "shell/interrupt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SH_MAX_FRAMES 12

static const char variables_key, declared_key, display_key;

/* ---- session variables ---- */

void sh_push_variables(lua_State *L) { lua_rawgetp(L, LUA_REGISTRYINDEX, &variables_key); }

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

void sh_session_open(lua_State *L) {
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

/* Compiles text[from, at) "return nil," text[at, size), or the text as it stands for at == size.
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

/* Compiles rewritten text.  The statement form goes first in scripts, where calls are not shown. */
static sh_result compile_text(lua_State *L, const sh_source *s, sh_show *show) {
  sh_outline outline;
  if (!sh_outline_make(s->text, s->size, &outline)) return out_of_memory(L);
  int top = lua_gettop(L);
  bool incomplete = false;
  int whole = load(L, s, 0, s->size);
  bool found = (s->mode == SH_CELL || whole != LUA_OK) &&
               load_expression(L, s, &outline, whole == LUA_OK, &incomplete);
  *show = outline.quiet ? SH_HIDE : found ? SH_SHOW_REST : s->mode == SH_CELL ? SH_SHOW : SH_HIDE;
  free(outline.starts);
  if (found) {
    lua_remove(L, top + 1);
    return SH_DONE;
  }
  if (whole == LUA_OK) return SH_DONE;
  return incomplete || at_end(L) ? SH_INCOMPLETE : SH_FAILED;
}

/* Protected part of sh_compile: (light userdata) -> rewritten text. */
static int rewrite(lua_State *L) {
  const sh_source *source = lua_touserdata(L, 1);
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

/* ---- errors ---- */

/* A frame of the user's code: not C, not the embedded library. */
static bool user_frame(const lua_Debug *frame) {
  return *frame->what != 'C' && strncmp(frame->source, "=builtin:", 9) != 0;
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

/* Message handler: the error as text, with the user's frames when there is more than one. */
static int describe(lua_State *L) {
  if (sh_interrupted()) {
    lua_pushstring(L, sh_interrupt_late() ? "timed out" : "interrupted");
    return 1;
  }
  if (lua_type(L, 1) != LUA_TSTRING && !luaL_getmetafield(L, 1, "__tostring"))
    lua_pushfstring(L, "(error object is a %s value)", luaL_typename(L, 1));
  else
    luaL_tolstring(L, 1, NULL);
  int count = 0;
  lua_Debug frame;
  for (int level = 1; lua_getstack(L, level, &frame); level++) {
    lua_getinfo(L, "S", &frame);
    count += user_frame(&frame);
  }
  if (count < 2) return 1;
  luaL_Buffer text;
  lua_replace(L, 1);
  lua_settop(L, 1);
  luaL_buffinit(L, &text);
  lua_pushvalue(L, 1);
  luaL_addvalue(&text);
  int shown = 0;
  for (int level = 1; shown < SH_MAX_FRAMES && lua_getstack(L, level, &frame); level++) {
    lua_getinfo(L, "Sln", &frame);
    if (!user_frame(&frame)) continue;
    add_frame(L, &text, &frame);
    shown++;
  }
  if (shown < count) lua_pushfstring(L, "\n  … %d more", count - shown), luaL_addvalue(&text);
  luaL_pushresult(&text);
  return 1;
}

void sh_report(lua_State *L, const char *prefix) {
  const char *message = lua_tostring(L, -1);
  fflush(stdout);
  fprintf(stderr, "%s%s\n", prefix, message ? message : "error without a message");
  fflush(stderr);
  lua_pop(L, 1);
}

/* ---- running ---- */

void sh_set_display(lua_State *L) { lua_rawsetp(L, LUA_REGISTRYINDEX, &display_key); }

/* Shows the values on the stack: side by side, or below each other when one takes several lines. */
static void show_values(lua_State *L, int count) {
  const char *between = "\t";
  for (int i = 1; i <= count; i++) {
    gtlua_display(L, i);
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

/* Protected part of sh_call: (function, arguments…, show). */
static int call_and_show(lua_State *L) {
  sh_show show = (sh_show)lua_tointeger(L, -1);
  lua_pop(L, 1);
  lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
  if (show == SH_SHOW_REST && lua_isnil(L, 1)) lua_remove(L, 1);
  int count = lua_gettop(L);
  if (show == SH_HIDE || count == 0) return 0;
  luaL_checkstack(L, count + 8, "too many results to show");
  show_values(L, count);
  sh_push_variables(L);
  lua_pushliteral(L, "_");
  lua_pushvalue(L, 1);
  lua_rawset(L, -3);
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
  if (lua_getglobal(L, "arg") != LUA_TTABLE) {
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
