/* complete.c: completes "a.b.c", "a:m", globals, session variables and keywords.  Objects may list
 * names in a raw field __fields of their metatable; a metatable's __index is followed when it is a
 * table. */
#include "shell/complete.h"
#include "shell/session.h"

#include <lauxlib.h>
#include <lua.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const keywords[] = {"and",   "break", "do",       "else", "elseif", "end",
                                       "false", "for",   "function", "goto", "if",     "in",
                                       "local", "nil",   "not",      "or",   "repeat", "return",
                                       "then",  "true",  "until",    "while"};

/* What is being completed: names that begin with word[stem, …); the rest stays as typed. */
typedef struct search {
  lua_State *L;
  const char *word, *stem;
  int wanted; /* position among the matches */
  char *found;
} search;

static void offer(search *s, const char *name) {
  size_t stem = strlen(s->stem), head = (size_t)(s->stem - s->word);
  if (s->found || strncmp(name, s->stem, stem) != 0 || s->wanted-- > 0) return;
  s->found = malloc(head + strlen(name) + 1);
  if (s->found) sprintf(s->found, "%.*s%s", (int)head, s->word, name);
}

static int by_name(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Offers the string keys (or, for lists of names, values) of the table on top, sorted. */
static void offer_table(search *s, bool list) {
  lua_State *L = s->L;
  const char **names = NULL;
  size_t count = 0, capacity = 0;
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
    int at = list ? -1 : -2;
    if (lua_type(L, at) != LUA_TSTRING) continue;
    if (count == capacity) {
      capacity = capacity ? capacity * 2 : 64;
      const char **more = realloc(names, capacity * sizeof *more);
      if (!more) {
        lua_pop(L, 2);
        break;
      }
      names = more;
    }
    names[count++] = lua_tostring(L, at); /* anchored in the table */
  }
  if (count) qsort(names, count, sizeof *names, by_name);
  for (size_t i = 0; i < count; i++)
    if (names[i][0] != '_' || s->stem[0] == '_') offer(s, names[i]);
  free(names);
}

/* Offers the fields of the value on top: its own, those its metatable lists, then its class's. */
static void offer_fields(search *s) {
  lua_State *L = s->L;
  int top = lua_gettop(L);
  for (int depth = 0; depth < 8 && !s->found; depth++) {
    if (lua_istable(L, -1)) offer_table(s, false);
    if (!lua_getmetatable(L, -1)) break;
    lua_pushliteral(L, "__fields");
    if (lua_rawget(L, -2) == LUA_TTABLE) offer_table(s, true);
    lua_pop(L, 1);
    lua_pushliteral(L, "__index");
    if (lua_rawget(L, -2) != LUA_TTABLE) break;
  }
  lua_settop(L, top);
}

/* Replaces the value on top by its field, raw, through __index tables; nil when there is none. */
static void step_into(lua_State *L, const char *name, size_t size) {
  for (int depth = 0; depth < 8; depth++) {
    if (lua_istable(L, -1)) {
      lua_pushlstring(L, name, size);
      if (lua_rawget(L, -2) != LUA_TNIL) {
        lua_replace(L, -2);
        return;
      }
      lua_pop(L, 1);
    }
    if (!lua_getmetatable(L, -1)) break;
    lua_pushliteral(L, "__index");
    lua_rawget(L, -2);
    lua_replace(L, -3);
    lua_pop(L, 1);
  }
  lua_pushnil(L);
  lua_replace(L, -2);
}

/* (search) under lua_pcall: finds the wanted match. */
static int run(lua_State *L) {
  search *s = lua_touserdata(L, 1);
  sh_push_variables(L);
  const char *at = s->word;
  while (at < s->stem) { /* every part up to the stem names an object */
    size_t n = strcspn(at, ".:");
    step_into(L, at, n);
    at += n + 1;
  }
  offer_fields(s);
  if (s->stem != s->word) return 0;
  for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++) offer(s, keywords[i]);
  return 0;
}

char *sh_complete(void *data, const char *word, int n) {
  lua_State *L = data;
  search s = {.L = L, .word = word, .stem = word, .wanted = n};
  for (const char *p = word; *p; p++)
    if (*p == '.' || *p == ':') s.stem = p + 1;
  int top = lua_gettop(L);
  lua_pushcfunction(L, run);
  lua_pushlightuserdata(L, &s);
  if (lua_pcall(L, 1, 0, 0) != LUA_OK) lua_settop(L, top);
  return s.found;
}
