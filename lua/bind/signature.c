/* signature.c: what a function that is not an op takes, as one line of text (signature_text.h):
 * dropout(x: tensor, p: number = 0.5, training: boolean = true).
 *
 * A table with names in the last place is the keywords, unless the parameter in that place takes a
 * `table` or `any`.  A `list` and `sizes` have numbered items only: names in them are keywords,
 * {a, b, dim = 1}.
 *
 * The text is read when the function is first called: signing costs a closure. */
#include "lua/bind/signature.h"
#include "lua/bind/signature_text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIGNATURE = 1, BEHIND, TEXT, UPVALUES = TEXT };

static const signature *parse(lua_State *L, const char *text) {
  signature *s = lua_newuserdatauv(L, sizeof *s + strlen(text) + 1, 0);
  const char *fault = gtlua_signature_parse(s, text);
  if (fault) luaL_error(L, "%s: %s", fault, text);
  lua_replace(L, lua_upvalueindex(SIGNATURE));
  return s;
}

/* ---- messages ---- */

/* " >= 1", " in [0, 1)" */
static void add_bounds(luaL_Buffer *text, const interval *in) {
  char number[GT_NUMBER_TEXT];
  bool low = in->low > -INFINITY, high = in->high < INFINITY, closed = *in->text == '[';
  const char *comma = strchr(in->text, ',');
  if (low && high) {
    luaL_addstring(text, " in ");
    luaL_addlstring(text, in->text, (size_t)(comma + 1 - in->text));
    luaL_addchar(text, ' ');
    luaL_addlstring(text, comma + 1, strcspn(comma, "])"));
    return;
  }
  if (high) closed = comma[strcspn(comma, "])")] == ']';
  luaL_addstring(text, low ? " >" : " <");
  luaL_addstring(text, closed ? "= " : " ");
  snprintf(number, sizeof number, "%.14g", low ? in->low : in->high);
  luaL_addstring(text, number);
  if (low && comma[1] == ')') luaL_addstring(text, " and finite");
}

static void add_expected(luaL_Buffer *text, const parameter *p) {
  const char *separator = "";
  for (const char *at = p->type; *at;) {
    word w = gtlua_signature_word(at);
    luaL_addstring(text, separator);
    if (w.type == CLASS) luaL_addstring(text, strchr("AEIOU", *at) ? "an " : "a ");
    if (w.type & (CLASS | CHOICE))
      luaL_addlstring(text, at, w.length);
    else
      luaL_addstring(text, gtlua_signature_expected(w.type));
    if (w.type & (NUMBER | INTEGER) && p->bounds.text) add_bounds(text, &p->bounds);
    at = w.next;
    separator = strchr(at, '|') ? ", " : " or ";
  }
}

/* "(x: tensor, p: number = 0.5, {mode, title})": the arguments of a call, without self. */
static const char *push_shown(lua_State *L, const signature *s) {
  luaL_Buffer text;
  luaL_buffinit(L, &text);
  luaL_addchar(&text, '(');
  for (int i = s->method; i < s->count; i++) {
    const parameter *p = &s->at[i];
    if (i > s->method) luaL_addstring(&text, ", ");
    if (i == s->positional) luaL_addstring(&text, i == s->options ? "{" : "*, ");
    luaL_addstring(&text, p->name);
    if (i >= s->options) continue;
    if (p->gathers) luaL_addstring(&text, "...");
    if (p->typed) luaL_addstring(&text, ": "), luaL_addstring(&text, p->type);
    if (p->value) luaL_addstring(&text, " = "), luaL_addstring(&text, p->value);
  }
  if (s->options < s->count) luaL_addchar(&text, '}');
  if (s->more) luaL_addstring(&text, s->count > s->method ? ", ..." : "...");
  luaL_addchar(&text, ')');
  luaL_pushresult(&text);
  return lua_tostring(L, -1);
}

static int refuse_type(lua_State *L, const signature *s, const parameter *p, int index) {
  luaL_Buffer text;
  const char *came = gtlua_shown(L, index);
  luaL_buffinit(L, &text);
  add_expected(&text, p);
  luaL_pushresult(&text);
  const char *expected = lua_tostring(L, -1);
  if (s->method && p == s->at)
    return gtlua_error(L, "%s: expected %s before the colon, as in object:%s(…), got %s", s->name,
                       p->types & ANY ? "an object" : expected, s->name, came);
  if (strcmp(p->name, "options") == 0)
    return gtlua_error(L, "%s: options go in a table, {name = …}, got %s", s->name, came);
  return gtlua_error(L, "%s: %s expects %s, got %s%s", s->name, p->name, expected, came,
                     lua_type(L, index) == LUA_TBOOLEAN && p->types & TENSOR ? GTLUA_BOOLEAN_HINT
                                                                             : "");
}

static int refuse_name(lua_State *L, const signature *s, const char *key) {
  const char *names[MOST + 1];
  char hint[96];
  int n = 0;
  luaL_Buffer list;
  luaL_buffinit(L, &list);
  for (int i = s->method; i < s->count; i++) {
    luaL_addstring(&list, n ? ", " : "");
    luaL_addstring(&list, names[n++] = s->at[i].name);
  }
  names[n] = NULL;
  luaL_pushresult(&list);
  return gtlua_error(L, "%s has no argument '%s'%s; it takes %s", s->name, key,
                     gtlua_suggest(key, names, hint), n ? lua_tostring(L, -1) : "no keywords");
}

/* Raises: the value at index is in a table of keywords but has no name. */
static int refuse_nameless(lua_State *L, const signature *s, int index) {
  bool has_options = s->options < s->count;
  int example = has_options ? s->options : s->method; /* the first keyword with a default */
  while (!has_options && example + 1 < s->count && !s->at[example].value) example++;
  return gtlua_error(L, "%s: every %s has a name, {%s = …}, got %s without one", s->name,
                     has_options ? "option" : "keyword",
                     example < s->count ? s->at[example].name : "name", gtlua_shown(L, index));
}

/* ---- checking ---- */

/* Is it an object of a class of that name among the words of `type`? */
static bool has_class(lua_State *L, int index, const char *type) {
  bool found = false;
  if (luaL_getmetafield(L, index, "__name") == LUA_TNIL) return false;
  const char *name = lua_tostring(L, -1);
  for (const char *at = type; name && *at && !found;) {
    word w = gtlua_signature_word(at);
    found = strlen(name) == w.length && memcmp(name, at, w.length) == 0;
    at = w.next;
  }
  lua_pop(L, 1);
  return found;
}

static bool is_choice(lua_State *L, int index, const char *type) {
  size_t length;
  const char *text = lua_tolstring(L, index, &length);
  for (const char *at = type; *at;) {
    word w = gtlua_signature_word(at);
    if (w.type == CHOICE && w.length == length + 2 && memcmp(at + 1, text, length) == 0)
      return true;
    at = w.next;
  }
  return false;
}

static bool is_within(const interval *in, double x) {
  if (!in->text) return true;
  const char *end = in->text + strcspn(in->text, "])");
  return (*in->text == '[' ? x >= in->low : x > in->low) &&
         (*end == ']' ? x <= in->high : x < in->high);
}

static bool is_callable(lua_State *L, int index) {
  if (lua_isfunction(L, index)) return true;
  if (luaL_getmetafield(L, index, "__call") == LUA_TNIL) return false;
  lua_pop(L, 1);
  return true;
}

/* Whether it has a class of its own, as anything before a colon must. */
static bool is_object(lua_State *L, int index) {
  if (luaL_getmetafield(L, index, "__name") == LUA_TNIL) return false;
  lua_pop(L, 1);
  return true;
}

static bool fits(lua_State *L, int index, const parameter *p) {
  unsigned types = p->types;
  if (types & ANY) return true;
  switch (lua_type(L, index)) {
  case LUA_TNUMBER:
    return types & (NUMBER | INTEGER) && is_within(&p->bounds, lua_tonumber(L, index));
  case LUA_TBOOLEAN:
    return (types & (BOOLEAN | (lua_toboolean(L, index) ? TRUE : FALSE))) != 0;
  case LUA_TSTRING:
    if (types & CHOICE && is_choice(L, index, p->type)) return true;
    return (types & (STRING | DTYPE | DEVICE)) != 0;
  case LUA_TFUNCTION:
    return (types & (FUNCTION | LIST)) != 0;
  case LUA_TTABLE:
    if (types & TABLE || (types & ITEMS && gtlua_is_plain(L, index))) return true;
    if (types & LIST && luaL_getmetafield(L, index, "__name") == LUA_TNIL) return true;
    break;
  case LUA_TUSERDATA:
    if (types & TENSOR && gtlua_testtensor(L, index)) return true;
    if (types & MODULE && gtlua_testmodule(L, index)) return true;
    if (types & DTYPE && luaL_testudata(L, index, GTLUA_DTYPE)) return true;
    if (types & DEVICE && luaL_testudata(L, index, GTLUA_DEVICE)) return true;
    if (types & ITEMS && luaL_testudata(L, index, GTLUA_SIZE)) return true;
    break;
  default:
    return false;
  }
  if (types & FUNCTION && is_callable(L, index)) return true;
  return types & CLASS && has_class(L, index, p->type);
}

static void push_default(lua_State *L, const char *value) {
  char *end;
  if (strcmp(value, "nil") == 0)
    lua_pushnil(L);
  else if (strcmp(value, "true") == 0 || strcmp(value, "false") == 0)
    lua_pushboolean(L, *value == 't');
  else if (*value == '"')
    lua_pushlstring(L, value + 1, strlen(value) - 2);
  else if (lua_stringtonumber(L, value) == 0)
    lua_pushinteger(L, strtoll(value, &end, 10));
}

/* Checks the argument in `slot`, or puts the default there. */
static void complete(lua_State *L, const signature *s, int i, int slot) {
  const parameter *p = &s->at[i];
  if (lua_isnil(L, slot)) {
    if (!p->value && s->method && i == 0) refuse_type(L, s, p, slot);
    if (!p->value && !(p->types & ANY))
      gtlua_error(L, "%s: %s is missing; it takes %s", s->name, p->name, push_shown(L, s));
    if (!p->value) return; /* `any` includes nil */
    push_default(L, p->value);
    lua_replace(L, slot);
  } else if (!fits(L, slot, p) || (s->method && i == 0 && !is_object(L, slot))) {
    refuse_type(L, s, p, slot);
  } else if (p->types & INTEGER && !(p->types & NUMBER) && lua_type(L, slot) == LUA_TNUMBER) {
    char what[96];
    snprintf(what, sizeof what, "%s: %s", s->name, p->name);
    lua_pushinteger(L, gtlua_toint(L, slot, what));
    lua_replace(L, slot);
  }
}

/* ---- the call ---- */

/* A call being read: what came at which place of the stack. */
typedef struct arguments {
  int at[MOST];    /* of each parameter; 0: not by position */
  int end;         /* after the last argument that a parameter took */
  int top;         /* of the arguments */
  int keywords;    /* the table of keywords, or 0 */
  unsigned gotten; /* types of the parameter that took the last argument */
} arguments;

static bool numbers_follow(lua_State *L, const arguments *a) {
  return a->end <= a->top && lua_type(L, a->end) == LUA_TNUMBER;
}

/* Gives the arguments to the parameters in order. */
static void place(lua_State *L, const signature *s, arguments *a) {
  *a = (arguments){.end = 1, .top = lua_gettop(L)};
  for (int i = 0; i < s->positional && a->end <= a->top; i++) {
    a->gotten = s->at[i].types;
    a->at[i] = a->end++;
    if (s->at[i].gathers && lua_type(L, a->at[i]) == LUA_TNUMBER)
      while (numbers_follow(L, a)) a->end++;
  }
  if (a->end <= a->top) a->gotten = 0;
}

/* Is the argument in the last place the table of keywords? */
static bool are_keywords(lua_State *L, const signature *s, const arguments *a) {
  if (a->top <= s->method || (s->more && a->end <= a->top) || !gtlua_is_plain(L, a->top))
    return false;
  if (a->gotten & (ANY | TABLE)) return false;
  bool items = lua_rawlen(L, a->top) > 0;
  if (gtlua_has_keywords(L, a->top)) return !(a->gotten & ITEMS) || !items;
  return !(a->gotten & ITEMS) && !items; /* an empty table says nothing */
}

/* The names in the table at `from`, into the slots after `base`; `items`: it may hold others, too.
 */
static void take_names(lua_State *L, const signature *s, int from, int base, bool items) {
  lua_pushnil(L);
  while (lua_next(L, from)) {
    if (lua_type(L, -2) == LUA_TSTRING) {
      const char *key = lua_tostring(L, -2);
      int i = s->method;
      while (i < s->count && strcmp(s->at[i].name, key) != 0) i++;
      if (i == s->count) refuse_name(L, s, key);
      if (!lua_isnil(L, base + 1 + i)) gtlua_error(L, "%s: %s is given twice", s->name, key);
      lua_pushvalue(L, -1);
      lua_replace(L, base + 1 + i);
    } else if (!lua_isinteger(L, -2)) {
      int key = lua_gettop(L) - 1;
      gtlua_error(L, "%s: expected a name as key, got [%s] = %s", s->name, gtlua_shown(L, key),
                  gtlua_shown(L, key + 1));
    } else if (!items) {
      refuse_nameless(L, s, lua_gettop(L));
    }
    lua_pop(L, 1);
  }
}

/* Is what came for parameter i, in `slot`, a table of items? */
static bool holds_items(lua_State *L, const signature *s, int i, int slot) {
  unsigned types = s->at[i].types;
  return slot && types & ITEMS && !(types & TABLE) && gtlua_is_plain(L, slot);
}

/* Replaces what came for a shape, the value in `slot` or the numbers from `first` on, by a Size. */
static void gather(lua_State *L, const signature *s, const parameter *p, int first, int slot) {
  char what[96];
  gt_dims dims;
  snprintf(what, sizeof what, "%s: %s", s->name, p->name);
  if (first && lua_type(L, first) == LUA_TNUMBER)
    gtlua_todims(L, first, what, &dims);
  else if (gtlua_is_plain(L, slot))
    gtlua_todims(L, slot, what, &dims);
  else
    return;
  gtlua_pushsize(L, dims.count, dims.at);
  lua_replace(L, slot);
}

/* Replaces the values of the options, which end the stack, by one table of them. */
static void fold_options(lua_State *L, const signature *s, int base) {
  if (s->options == s->count) return;
  lua_createtable(L, 0, s->count - s->options);
  for (int i = s->options; i < s->count; i++) {
    lua_pushvalue(L, base + 1 + i);
    lua_setfield(L, -2, s->at[i].name); /* nil leaves no field */
  }
  lua_replace(L, base + 1 + s->options);
  lua_settop(L, base + 1 + s->options);
}

/* Raises: there are more arguments than parameters with a place. */
static int refuse_extra(lua_State *L, const signature *s, const arguments *a, int extra) {
  int most = s->positional - s->method;
  bool has_options = s->options < s->count, in_table = gtlua_is_plain(L, a->end);
  if (extra == 1 && has_options && !a->keywords && !in_table)
    return gtlua_error(L, "%s: options go in a table, {%s = …}, got %s", s->name,
                       s->at[s->options].name, gtlua_shown(L, a->end));
  if (extra == 1 && has_options && !(a->keywords && in_table)) {
    if (in_table) lua_rawgeti(L, a->end, 1);
    return refuse_nameless(L, s, in_table ? lua_gettop(L) : a->end);
  }
  return gtlua_error(L, "%s: expected at most %d argument%s %s, got %d", s->name, most,
                     most == 1 ? "" : "s", push_shown(L, s), most + extra);
}

static int finish(lua_State *L, int status, lua_KContext base) {
  (void)status;
  return lua_gettop(L) - (int)base;
}

static int call_signed(lua_State *L) {
  arguments a;
  const signature *s = lua_touserdata(L, lua_upvalueindex(SIGNATURE));
  if (!s) s = parse(L, lua_tostring(L, lua_upvalueindex(TEXT)));
  place(L, s, &a);
  if (are_keywords(L, s, &a)) a.keywords = a.top;
  int extra = a.top - (a.keywords != 0) - a.end + 1, base = a.top + 1;
  while (!s->more && extra > 0 && lua_isnil(L, a.end + extra - 1)) extra--;
  if (extra > 0 && !s->more) return refuse_extra(L, s, &a, extra);
  luaL_checkstack(L, a.top + s->count + 8, s->name);
  lua_pushvalue(L, lua_upvalueindex(BEHIND));
  for (int i = 0; i < s->count; i++) {
    if (a.at[i] && a.at[i] != a.keywords)
      lua_pushvalue(L, a.at[i]);
    else
      lua_pushnil(L);
  }
  for (int i = s->method; i < s->count; i++)
    if (a.at[i] != a.keywords && holds_items(L, s, i, a.at[i]) &&
        gtlua_check_list(L, a.at[i], s->name, true))
      take_names(L, s, a.at[i], base, true);
  if (a.keywords) take_names(L, s, a.keywords, base, false);
  for (int i = s->method; i < s->count; i++)
    if ((!a.at[i] || a.at[i] == a.keywords) && holds_items(L, s, i, base + 1 + i))
      gtlua_check_list(L, base + 1 + i, s->name, false);
  for (int i = 0; i < s->count; i++) {
    if (s->at[i].gathers) gather(L, s, &s->at[i], a.at[i], base + 1 + i);
    complete(L, s, i, base + 1 + i);
  }
  fold_options(L, s, base);
  for (int i = 0; i < extra; i++) lua_pushvalue(L, a.end + i);
  lua_callk(L, lua_gettop(L) - base, LUA_MULTRET, a.top, finish);
  return finish(L, LUA_OK, a.top);
}

void gtlua_sign(lua_State *L, const char *signature_text) {
  lua_pushnil(L);
  lua_insert(L, -2);
  lua_pushstring(L, signature_text);
  lua_pushcclosure(L, call_signed, UPVALUES);
}

void gtlua_setsigned(lua_State *L, const gtlua_signed *list) {
  for (; list->signature; list++) {
    size_t n = strcspn(list->signature, "(");
    lua_pushlstring(L, list->signature, n);
    lua_pushcfunction(L, list->function);
    if (list->signature[n]) gtlua_sign(L, list->signature);
    lua_rawset(L, -3);
  }
}

int gtlua_signature(lua_State *L) {
  luaL_checktype(L, 1, LUA_TSTRING);
  luaL_checktype(L, 2, LUA_TFUNCTION);
  lua_settop(L, 2);
  gtlua_sign(L, lua_tostring(L, 1));
  return 1;
}

int gtlua_sign_all(lua_State *L) {
  const char *at = luaL_checkstring(L, 2), *prefix = luaL_optstring(L, 3, "");
  luaL_checktype(L, 1, LUA_TTABLE);
  while (*(at += strspn(at, " \n"))) {
    size_t name = strcspn(at, "("), whole = gtlua_signature_length(at);
    lua_pushlstring(L, at, name);
    lua_pushvalue(L, -1);
    lua_gettable(L, 1);
    lua_pushlstring(L, at, whole);
    lua_pushfstring(L, "%s%s", prefix, lua_tostring(L, -1));
    lua_replace(L, -2);
    lua_insert(L, -2);
    gtlua_sign(L, lua_tostring(L, -2));
    lua_replace(L, -2);
    lua_settable(L, 1);
    at += whole;
  }
  return 0;
}

int gtlua_signature_of(lua_State *L) {
  if (lua_tocfunction(L, 1) != call_signed) return 0;
  lua_getupvalue(L, 1, TEXT);
  lua_getupvalue(L, 1, BEHIND);
  return 2;
}

static void set_text(lua_State *L, const char *key, const char *text) {
  lua_pushstring(L, text);
  lua_setfield(L, -2, key);
}

static void set_bound(lua_State *L, const char *key, double bound, bool open) {
  lua_pushnumber(L, bound);
  lua_setfield(L, -2, key);
  lua_pushboolean(L, open);
  lua_setfield(L, -2, *key == 'l' ? "above" : "below");
}

static void push_parameter(lua_State *L, const signature *s, int i) {
  const parameter *p = &s->at[i];
  const char *text = p->bounds.text;
  lua_createtable(L, 0, 8);
  set_text(L, "name", p->name);
  set_text(L, "type", p->type);
  if (p->value) set_text(L, "default", p->value);
  set_text(L, "by", i < s->positional ? "place" : i < s->options ? "name" : "option");
  if (text) {
    set_bound(L, "low", p->bounds.low, *text == '(');
    set_bound(L, "high", p->bounds.high, text[strcspn(text, "])")] == ')');
  }
}

int gtlua_parameters_of(lua_State *L) {
  if (lua_tocfunction(L, 1) != call_signed) return 0;
  lua_getupvalue(L, 1, TEXT);
  const char *text = lua_tostring(L, -1);
  signature *s = lua_newuserdatauv(L, sizeof *s + strlen(text) + 1, 0);
  if (gtlua_signature_parse(s, text)) return 0;
  lua_createtable(L, s->count, 0);
  for (int i = 0; i < s->count; i++) {
    push_parameter(L, s, i);
    lua_rawseti(L, -2, i + 1);
  }
  lua_pushboolean(L, s->more);
  return 2;
}
