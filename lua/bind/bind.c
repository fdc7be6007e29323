/* bind.c: opening and closing the session, errors with the user's file and line, collector
 * pressure, name spaces. */
#include "lua/bind/text.h"

#include "core/tensor/allocator.h"
#include "core/tensor/level.h"

#include <lualib.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MARK_LEAST ((size_t)192 << 20)
#define GARBAGE_MOST ((size_t)256 << 20) /* that may pile up on top of what lives */

/* The session of the process: for the signal handler and for gtlua_close(), which have no
 * lua_State. */
static gtlua_session *active;

gtlua_session *gtlua_session_of(lua_State *L) { return *(gtlua_session **)lua_getextraspace(L); }
gt_ctx *gtlua_cx(lua_State *L) { return gtlua_session_of(L)->cx; }

void gtlua_interrupt(void) {
  if (active) gt_interrupt(active->cx);
}

void gtlua_interrupt_clear(void) {
  if (active) gt_interrupt_clear(active->cx);
}

bool gtlua_shielded(void) { return active && active->shields > 0; }

void gtlua_end(int signal_number) {
  if (active) active->ending = signal_number;
}

int gtlua_shield(lua_State *L, int n, int results) {
  gtlua_session *s = gtlua_session_of(L);
  bool shielded = s->cx->shielded;
  s->shields++;
  s->cx->shielded = true;
  int status = lua_pcall(L, n, results, 0);
  s->cx->shielded = shielded;
  s->shields--;
  return status;
}

/* ---- errors ---- */

bool gtlua_is_builtin(const char *source) {
  return strncmp(source, GTLUA_BUILTIN, strlen(GTLUA_BUILTIN)) == 0;
}

/* Pushes "file:line: " of the innermost Lua function that the user wrote, or "". */
static void push_place(lua_State *L) {
  lua_Debug frame;
  for (int level = 1; lua_getstack(L, level, &frame); level++) {
    lua_getinfo(L, "Sl", &frame);
    if (frame.currentline > 0 && !gtlua_is_builtin(frame.source)) {
      lua_pushfstring(L, "%s:%d: ", frame.short_src, frame.currentline);
      return;
    }
  }
  lua_pushliteral(L, "");
}

int gtlua_error(lua_State *L, const char *format, ...) {
  char message[GT_MESSAGE_MAX];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  push_place(L);
  lua_pushstring(L, message);
  lua_concat(L, 2);
  return lua_error(L);
}

/* The registry has an entry for the kept error from the start (false: none), so that keeping one
 * takes no memory: a trampoline must not jump across the core. */
static const char kept_error;

static void forget_error(lua_State *L) {
  lua_pushboolean(L, false);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &kept_error);
}

void gtlua_keep_error(lua_State *L) { lua_rawsetp(L, LUA_REGISTRYINDEX, &kept_error); }

void gtlua_check(lua_State *L, gt_status status) {
  if (status == GT_OK) return;
  if (status == GT_EHOOK) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &kept_error);
    forget_error(L);
    if (lua_toboolean(L, -1)) lua_error(L);
  }
  gtlua_error(L, "%s", gtlua_cx(L)->message);
}

void gtlua_poll(lua_State *L) { gtlua_check(L, gt_poll(gtlua_cx(L))); }

const char *gtlua_typename(lua_State *L, int index) {
  /* The text stays on the stack until the message is made of it. */
  if (luaL_getmetafield(L, index, "__name") == LUA_TSTRING)
    return lua_pushfstring(L, strchr("AEIOU", *lua_tostring(L, -1)) ? "an %s" : "a %s",
                           lua_tostring(L, -1));
  if (lua_type(L, index) == LUA_TNUMBER) return lua_isinteger(L, index) ? "an integer" : "a float";
  switch (lua_type(L, index)) {
  case LUA_TNONE:
  case LUA_TNIL:
    return "nil";
  case LUA_TBOOLEAN:
    return "a boolean";
  case LUA_TSTRING:
    return "a string";
  case LUA_TTABLE:
    return "a table";
  case LUA_TFUNCTION:
    return "a function";
  default:
    return luaL_typename(L, index);
  }
}

void gtlua_expected(lua_State *L, int index, const char *what) {
  gtlua_error(L, "expected %s, got %s", what, gtlua_typename(L, index));
}

const char *gtlua_shown(lua_State *L, int index) {
  size_t n;
  if (lua_type(L, index) == LUA_TNUMBER && isnan(lua_tonumber(L, index))) return "nan";
  if (lua_type(L, index) == LUA_TNUMBER) return luaL_tolstring(L, index, NULL);
  if (lua_type(L, index) != LUA_TSTRING) return gtlua_typename(L, index);
  const char *text = lua_tolstring(L, index, &n);
  for (size_t i = 0; i < n; i++)
    if ((unsigned char)text[i] < ' ' || text[i] == 127) return "a string";
  return n > 40 ? "a string" : lua_pushfstring(L, "'%s'", text);
}

/* ---- collector pressure ---- */

static size_t live_bytes(gt_ctx *cx) {
  size_t live = 0;
  for (int slot = 0; slot < GT_MAX_BACKENDS; slot++) {
    const gt_backend *device = cx->backends[slot];
    if (device && device->data) live += gt_memory(cx, device).live;
  }
  return live;
}

void gtlua_pressure(lua_State *L) {
  gtlua_session *s = gtlua_session_of(L);
  if (live_bytes(s->cx) < s->mark) return;
  lua_gc(L, LUA_GCCOLLECT);
  size_t live = live_bytes(s->cx);
  size_t garbage = live / 2 < GARBAGE_MOST ? live / 2 : GARBAGE_MOST;
  s->mark = live + garbage > MARK_LEAST ? live + garbage : MARK_LEAST;
}

void gtlua_trim(gt_ctx *cx) {
  for (int slot = 0; slot < GT_MAX_BACKENDS; slot++)
    if (cx->backends[slot]) gt_memory_trim(cx, cx->backends[slot]);
}

int gtlua_relieve(lua_State *L) {
  gt_ctx *cx = gtlua_cx(L);
  /* Twice: what an ephemeron table held goes only in the second pass. */
  lua_gc(L, LUA_GCCOLLECT);
  lua_gc(L, LUA_GCCOLLECT);
  gtlua_trim(cx);
  return 1;
}

/* ---- name spaces ---- */

static void push_module(lua_State *L, const char *name) {
  lua_pushcfunction(L, gtlua_require);
  lua_pushstring(L, name);
  lua_call(L, 1, 1);
}

/* __index of a name space: fetches lazy names, refuses unknown ones.  Upvalues: lazy table, name of
 * the space. */
static int lazy_index(lua_State *L) {
  lua_settop(L, 2);
  if (lua_type(L, 2) != LUA_TSTRING) return 0;
  lua_pushvalue(L, 2);
  if (lua_rawget(L, lua_upvalueindex(1)) == LUA_TSTRING) {
    push_module(L, lua_tostring(L, -1));
    lua_pushvalue(L, 2);
    lua_rawget(L, -2);
    lua_pushvalue(L, 2);
    lua_pushvalue(L, -2);
    lua_rawset(L, 1);
    return 1;
  }
  enum { MOST = 400 };
  const char *names[MOST + 1];
  int count = 0;
  for (int t = 0; t < 2; t++) {
    int table = t == 0 ? 1 : lua_upvalueindex(1);
    lua_pushnil(L);
    while (count < MOST && lua_next(L, table)) {
      lua_pop(L, 1);
      if (lua_type(L, -1) == LUA_TSTRING) names[count++] = lua_tostring(L, -1);
    }
  }
  names[count] = NULL;
  char hint[96];
  const char *wrong = lua_tostring(L, 2);
  return gtlua_error(L, "%s has no field '%s'%s", lua_tostring(L, lua_upvalueindex(2)), wrong,
                     gtlua_suggest(wrong, names, hint));
}

void gtlua_namespace(lua_State *L, const char *name) {
  lua_createtable(L, 0, 0);
  lua_createtable(L, 0, 3);
  lua_createtable(L, 0, 16);
  lua_pushvalue(L, -1);
  lua_setfield(L, -3, "lazy");
  lua_pushstring(L, name);
  lua_setfield(L, -3, "__name");
  lua_pushstring(L, name);
  lua_pushcclosure(L, lazy_index, 2);
  lua_setfield(L, -2, "__index");
  lua_setmetatable(L, -2);
}

void gtlua_lazy(lua_State *L, const char *name, const char *lib) {
  luaL_getmetafield(L, -1, "lazy");
  lua_pushstring(L, lib);
  lua_setfield(L, -2, name);
  lua_pop(L, 1);
}

/* Calls the function `name` of an embedded module, which is loaded on its first call.  Upvalues:
 * module, name. */
static int late_call(lua_State *L) {
  push_module(L, lua_tostring(L, lua_upvalueindex(1)));
  lua_pushvalue(L, lua_upvalueindex(2));
  lua_rawget(L, -2);
  lua_remove(L, -2);
  lua_insert(L, 1);
  lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
  return lua_gettop(L);
}

void gtlua_pushlate(lua_State *L, const char *lib, const char *name) {
  lua_pushstring(L, lib);
  lua_pushstring(L, name);
  lua_pushcclosure(L, late_call, 2);
}

int gtlua_late(lua_State *L) {
  if (lua_tocfunction(L, 1) != late_call) return 0;
  lua_getupvalue(L, 1, 1);
  lua_getupvalue(L, 1, 2);
  return 2;
}

/* ---- life ---- */

bool gtlua_find_plugin(const char *name, char *path, size_t size) {
  static const char *const places[] = {"/", "/../lib/gptsh/"};
  ssize_t n = readlink("/proc/self/exe", path, size - 1);
  if (n <= 0) return false;
  path[n] = '\0';
  char *slash = strrchr(path, '/');
  if (!slash) return false;
  size_t room = size - (size_t)(slash - path);
  for (int i = 0; i < GT_COUNT(places); i++) {
    int length = snprintf(slash, room, "%s%s", places[i], name);
    if ((size_t)length < room && access(path, R_OK) == 0) return true;
  }
  return false;
}

/* The level of that name, for NULL the fastest; NULL when this CPU or this build does not have it.
 */
static const gt_cpu_level *level_of(const char *name) {
  gt_cpu_choice choice;
  if (!name) return gt_cpu_level_best();
  for (int i = 0; gt_cpu_choice_at(i, &choice); i++)
    if (choice.runs && strcmp(name, choice.level->name) == 0) return choice.level;
  return NULL;
}

const char *gtlua_cpu_level(const char *name, char names[GTLUA_LEVELS]) {
  const gt_cpu_level *found = level_of(name);
  gt_cpu_choice choice;
  const char *last = NULL;
  int n = 0;
  names[0] = '\0';
  for (int i = 0; gt_cpu_choice_at(i, &choice); i++) {
    if (!choice.runs) continue;
    if (last) n += snprintf(names + n, GTLUA_LEVELS - (size_t)n, "%s%s", n > 0 ? ", " : "", last);
    last = choice.level->name;
  }
  if (last) snprintf(names + n, GTLUA_LEVELS - (size_t)n, "%s%s", n > 0 ? " or " : "", last);
  return found ? found->name : NULL;
}

void gtlua_cpu_levels(const char *name, FILE *out) {
  gt_cpu_choice choice;
  for (int i = 0; gt_cpu_choice_at(i, &choice); i++) {
    bool chosen = strcmp(name, choice.level->name) == 0;
    fprintf(out, "%c %-12s %-5s %s\n", chosen ? '*' : ' ', choice.level->name,
            !choice.runs   ? "no"
            : !choice.pays ? "slow"
                           : "yes",
            choice.text);
  }
}

/* A line on stderr, in its place among what was printed. */
static void note(gt_ctx *cx, const char *text) {
  (void)cx;
  fflush(stdout);
  fprintf(stderr, "note: %s\n", text);
}

static gtlua_session *session_new(const gtlua_settings *settings) {
  gtlua_session *s = calloc(1, sizeof *s);
  if (!s) return NULL;
  const gt_cpu_level *level = level_of(settings->cpu_level);
  const char *library = settings->cuda_library;
  if (library)
    snprintf(s->cuda_library, sizeof s->cuda_library, "%s", library);
  else if (gtlua_find_plugin("gptsh-cuda.so", s->cuda_library, sizeof s->cuda_library))
    library = s->cuda_library;
  gt_config config = {.cpu = level->cpu,
                      .ops = level->ops,
                      .op_count = level->op_count,
                      .threads = settings->threads,
                      .cuda_library = library ? s->cuda_library : NULL};
  if (gt_ctx_new(&config, &s->cx) != GT_OK) {
    free(s);
    return NULL;
  }
  s->version = settings->version;
  s->cpu_level = level->name;
  s->mark = MARK_LEAST;
  s->dtype = GT_F32;
  s->cx->cuda_index = settings->cuda_index;
  s->cx->note = note;
  s->device = s->cx->cpu;
  s->print.precision = 4;
  s->print.threshold = 1000;
  s->print.edge = 3;
  s->print.width = 80;
  s->print.scientific = -1;
  return s;
}

void gtlua_kind(lua_State *L, const char *kind, const luaL_Reg *metamethods,
                const luaL_Reg *methods) {
  luaL_newmetatable(L, kind);
  luaL_setfuncs(L, metamethods, 0);
  lua_pushstring(L, strchr(kind, '.') + 1);
  lua_setfield(L, -2, "__name");
  lua_pushboolean(L, 0); /* getmetatable(object) shows nothing to break */
  lua_setfield(L, -2, "__metatable");
  if (methods) {
    lua_newtable(L);
    luaL_setfuncs(L, methods, 0);
    lua_pushvalue(L, -1);
    lua_setfield(L, -3, "methods"); /* for completion and help */
    if (lua_getfield(L, -2, "__index") == LUA_TNIL) {
      lua_pushvalue(L, -2);
      lua_setfield(L, -4, "__index");
    }
    lua_pop(L, 2);
  }
  lua_pop(L, 1);
}

void gtlua_list_fields(lua_State *L, const char *kind, const char *const *names) {
  luaL_getmetatable(L, kind);
  lua_newtable(L);
  for (int i = 0; names[i]; i++) {
    lua_pushstring(L, names[i]);
    lua_rawseti(L, -2, i + 1);
  }
  lua_setfield(L, -2, "__fields");
  lua_pop(L, 1);
}

/* The collector, which cannot be used inside itself, answers so. */
bool gtlua_finalizing(lua_State *L) { return lua_gc(L, LUA_GCISRUNNING) < 0; }

int gtlua_list_length(lua_State *L, int index, const char *what) {
  if (lua_type(L, index) != LUA_TTABLE) gtlua_expected(L, index, what);
  lua_Unsigned n = lua_rawlen(L, index);
  if (n > GTLUA_MOST_ITEMS)
    gtlua_error(L, "expected %s of at most %d items, got %llu", what, GTLUA_MOST_ITEMS,
                (unsigned long long)n);
  return (int)n;
}

void *gtlua_checkbox(lua_State *L, int index, const char *kind) {
  void *box = luaL_testudata(L, index, kind);
  if (!box) gtlua_expected(L, index, lua_pushfstring(L, "a %s", strchr(kind, '.') + 1));
  return box;
}

void *gtlua_checkheld(lua_State *L, int index, const char *kind) {
  void *held = *(void **)gtlua_checkbox(L, index, kind);
  if (!held) gtlua_error(L, "this %s is closed", strchr(kind, '.') + 1);
  return held;
}

/* Everything that may raise while opening. */
static int open_library(lua_State *L) {
  forget_error(L);
  gtlua_open_searcher(L);
  gtlua_namespace(L, "torch");
  gtlua_set_loaded(L, "torch");
  gtlua_open_values(L);
  gtlua_open_tensor(L);
  gtlua_open_ops(L);
  gtlua_open_text(L);
  gtlua_open_session(L);
  gtlua_open_anomaly(L);
  gtlua_open_debug(L);
  gtlua_open_native(L);
  gtlua_open_module(L);
  gtlua_open_optim(L);
  gtlua_open_inspect(L);
  gtlua_open_plan(L);
  gtlua_open_reparam(L);
  gtlua_open_data(L);
  gtlua_open_tokenizer(L);
  gtlua_open_tokens(L);
  gtlua_open_train(L);
  gtlua_open_folder(L);
  gtlua_open_series(L);
  lua_setglobal(L, "torch");
  gtlua_open_own(L);
  return 0;
}

int gtlua_open(lua_State *L, const gtlua_settings *settings) {
  active = session_new(settings);
  if (!active) {
    lua_pushliteral(L, "cannot start: out of memory");
    return LUA_ERRMEM;
  }
  *(gtlua_session **)lua_getextraspace(L) = active;
  lua_pushcfunction(L, open_library);
  return lua_pcall(L, 0, 0, 0);
}

void gtlua_close(lua_State *L) {
  (void)L;
  gtlua_session *s = active;
  if (!s) return;
  active = NULL;
  gt_ctx_free(s->cx);
  free(s);
}

const char *gtlua_topath(lua_State *L, int index) {
  size_t n;
  if (lua_type(L, index) != LUA_TSTRING) gtlua_expected(L, index, "a path"); /* no number */
  const char *path = lua_tolstring(L, index, &n);
  if (strlen(path) != n)
    gtlua_error(L, "expected a path without NUL bytes, got one after '%s'", path);
  return path;
}
