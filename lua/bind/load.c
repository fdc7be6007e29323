/* load.c: load, loadfile, dofile and require, so that f-strings work wherever Lua source is read.
 */
#include "lua/bind/text.h"

#include "core/data/file.h"

#include <errno.h>
#include <fcntl.h>
#include <lualib.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE ((size_t)1 << 16)          /* bytes */
#define PROGRAM_MOST ((size_t)256 << 20) /* bytes */
#define LUA_SEARCHER 3 /* of package.searchers, after preload and the embedded library */

/* What the compiler reads, in pieces: at Ctrl-C the text ends. */
typedef struct pieces {
  const gt_ctx *cx;
  const char *at;
  size_t left;
} pieces;

static const char *next_piece(lua_State *L, void *data, size_t *size) {
  pieces *p = data;
  const char *piece = p->at;
  (void)L;
  if (gt_stopped(p->cx)) p->left = 0;
  *size = p->left < PIECE ? p->left : PIECE;
  p->at += *size;
  p->left -= *size;
  return *size > 0 ? piece : NULL;
}

/* Lua does not verify what string.dump and luac write: forged, it overwrites memory when it runs.
 */
bool gtlua_refuse_binary(lua_State *L, const char *source, const char *chunk) {
  if (source[strspn(source, "\n")] != LUA_SIGNATURE[0]) return false;
  lua_pushfstring(L, "%s: expected Lua source, got a binary chunk, which could overwrite memory",
                  *chunk == '@' || *chunk == '=' ? chunk + 1 : "load");
  return true;
}

/* Compiles the source on top of the stack, rewritten, in its place; returns the status. */
static int compile(lua_State *L, const char *chunk, const char *mode) {
  size_t size;
  const char *source = lua_tolstring(L, -1, &size);
  if (gtlua_refuse_binary(L, source, chunk)) {
    lua_remove(L, -2);
    return LUA_ERRSYNTAX;
  }
  gtlua_rewrite(L, source, size);
  lua_remove(L, -2);
  source = lua_tolstring(L, -1, &size);
  pieces source_pieces = {gtlua_cx(L), source, size};
  int status = lua_load(L, next_piece, &source_pieces, chunk, mode);
  gtlua_poll(L);
  lua_remove(L, -2);
  return status;
}

static int close_stream(lua_State *L) {
  luaL_Stream *stream = luaL_checkudata(L, 1, LUA_FILEHANDLE);
  return luaL_fileresult(L, fclose(stream->f) == 0, NULL);
}

/* Opens the file; on failure *what says what is there instead of a file, or is NULL with errno set.
 */
static FILE *open_readable(const char *path, bool program, const char **what) {
  struct stat info;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  bool known = fd >= 0 && fstat(fd, &info) == 0;
  bool device = strncmp(path, "/dev/", 5) == 0 || strncmp(path, "/proc/", 6) == 0;
  bool fine = known && (S_ISREG(info.st_mode) || (program && device && !S_ISDIR(info.st_mode)));
  *what = known && !fine ? gt_file_kind(info.st_mode) : NULL;
  FILE *file = NULL;
  if (fine && fcntl(fd, F_SETFL, 0) == 0) file = fdopen(fd, "rb"); /* reading may wait again */
  int reason = errno;
  if (!file && fd >= 0) close(fd);
  errno = reason;
  return file;
}

FILE *gtlua_fopen(const char *path) {
  const char *what;
  return open_readable(path, false, &what);
}

/* Reads all into Lua's memory; answers what is wrong, or NULL with the text pushed. */
static const char *push_all(lua_State *L, FILE *file) {
  luaL_Buffer text;
  size_t size = 0;
  luaL_buffinit(L, &text);
  for (size_t n = 1; n > 0 && size <= PROGRAM_MOST;) {
    char *room = luaL_prepbuffer(&text);
    n = fread(room, 1, LUAL_BUFFERSIZE, file);
    luaL_addsize(&text, n);
    size += n;
  }
  int failed = ferror(file) ? errno : 0;
  luaL_pushresult(&text);
  if (size > PROGRAM_MOST) return "expected a program of at most 256 MiB, got more";
  return failed ? strerror(failed) : NULL;
}

/* While it is read the file is an object of Lua's: when memory runs out, the garbage collector
 * closes it. */
bool gtlua_push_program(lua_State *L, const char *path) {
  luaL_Stream *stream = lua_newuserdatauv(L, sizeof *stream, 0);
  *stream = (luaL_Stream){.closef = NULL};
  luaL_setmetatable(L, LUA_FILEHANDLE);
  const char *what = NULL, *problem;
  FILE *file = path ? open_readable(path, true, &what) : stdin;
  if (!file && what)
    lua_pushfstring(L, "%s: it is a %s, not a regular file", path, what);
  else if (!file)
    lua_pushfstring(L, "%s: %s", path, strerror(errno));
  if (file && path) *stream = (luaL_Stream){.f = file, .closef = close_stream};
  problem = file ? push_all(L, file) : NULL;
  if (file && path) fclose(file);
  stream->closef = NULL;
  lua_remove(L, -2);
  if (!problem) return file != NULL;
  lua_pop(L, 1);
  lua_pushfstring(L, "%s: %s", path ? path : "stdin", problem);
  return false;
}

/* Pushes the text of the file, without its first line if that starts with '#'; or a message,
 * answering false. */
static bool push_file(lua_State *L, const char *path) {
  if (!gtlua_push_program(L, path)) {
    lua_pushfstring(L, "cannot open %s", lua_tostring(L, -1));
    lua_remove(L, -2);
    return false;
  }
  size_t size;
  const char *all = lua_tolstring(L, -1, &size), *start = all;
  if (size >= 3 && memcmp(start, "\xEF\xBB\xBF", 3) == 0) start += 3;
  if (start < all + size && *start == '#') start += strcspn(start, "\n");
  if (start > all) {
    lua_pushlstring(L, start, size - (size_t)(start - all));
    lua_remove(L, -2);
  }
  return true;
}

static int load_path(lua_State *L, const char *path, const char *mode) {
  if (!push_file(L, path)) return LUA_ERRFILE;
  const char *chunk = path ? lua_pushfstring(L, "@%s", path) : lua_pushliteral(L, "=stdin");
  lua_insert(L, -2);
  int status = compile(L, chunk, mode);
  lua_remove(L, -2);
  return status;
}

/* Answers as load() does: the function, with upvalue `env` when given, or nil and the message. */
static int answer(lua_State *L, int status, int env) {
  if (status != LUA_OK) {
    lua_pushnil(L);
    lua_insert(L, -2);
    return 2;
  }
  if (env) {
    lua_pushvalue(L, env);
    if (!lua_setupvalue(L, -2, 1)) lua_pop(L, 1);
  }
  return 1;
}

/* Pushes all that the reader function at index 1 gives. */
static void push_pieces(lua_State *L) {
  luaL_Buffer text;
  luaL_buffinit(L, &text);
  for (;;) {
    lua_pushvalue(L, 1);
    lua_call(L, 0, 1);
    size_t size = 0;
    if (!lua_isnil(L, -1) && !lua_isstring(L, -1))
      luaL_error(L, "reader function must return a string");
    if (lua_isnil(L, -1) || !lua_tolstring(L, -1, &size) || size == 0) break;
    luaL_addvalue(&text);
  }
  lua_pop(L, 1);
  luaL_pushresult(&text);
}

/* load(chunk[, name[, mode[, env]]]) */
static int text_load(lua_State *L) {
  int env = lua_isnone(L, 4) ? 0 : 4;
  const char *mode = luaL_optstring(L, 3, "t");
  const char *chunk =
      luaL_optstring(L, 2, lua_type(L, 1) == LUA_TSTRING ? lua_tostring(L, 1) : "=(load)");
  if (lua_type(L, 1) == LUA_TSTRING) {
    lua_pushvalue(L, 1);
  } else {
    luaL_checktype(L, 1, LUA_TFUNCTION);
    push_pieces(L);
  }
  return answer(L, compile(L, chunk, mode), env);
}

/* loadfile([path[, mode[, env]]]) */
static int text_loadfile(lua_State *L) {
  int env = lua_isnone(L, 3) ? 0 : 3;
  const char *path = lua_isnoneornil(L, 1) ? NULL : gtlua_topath(L, 1);
  return answer(L, load_path(L, path, luaL_optstring(L, 2, NULL)), env);
}

static int finish_dofile(lua_State *L, int status, lua_KContext context) {
  (void)status;
  (void)context;
  return lua_gettop(L) - 1;
}

/* dofile([path]) */
static int text_dofile(lua_State *L) {
  const char *path = lua_isnoneornil(L, 1) ? NULL : gtlua_topath(L, 1);
  lua_settop(L, 1);
  if (load_path(L, path, NULL) != LUA_OK) return lua_error(L);
  lua_callk(L, 0, LUA_MULTRET, 0, finish_dofile);
  return finish_dofile(L, LUA_OK, 0);
}

/* package.searchpath(name, path[, separator[, replacement]]), which asks for a file without opening
 * it: a pipe would be waited for. */
static int search_path(lua_State *L) {
  const char *name = gtlua_topath(L, 1), *path = gtlua_topath(L, 2);
  const char *separator = luaL_optstring(L, 3, "."), *replacement = luaL_optstring(L, 4, "/");
  lua_settop(L, 4);
  if (*separator) name = luaL_gsub(L, name, separator, replacement);
  const char *all = luaL_gsub(L, path, "?", name), *end;
  lua_pushliteral(L, "");
  for (; *all; all = *end ? end + 1 : end) {
    end = strchrnul(all, ';');
    lua_pushlstring(L, all, (size_t)(end - all));
    if (access(lua_tostring(L, -1), R_OK) == 0) return 1;
    lua_pushfstring(L, "%s\n\tno file '%s'", lua_tostring(L, -2), lua_tostring(L, -1));
    lua_replace(L, -3);
    lua_pop(L, 1);
  }
  lua_pushnil(L);
  lua_pushstring(L, lua_tostring(L, -2) + (*lua_tostring(L, -2) ? strlen("\n\t") : 0));
  return 2;
}

/* The searcher of require() for Lua files on package.path.  Upvalue: package. */
static int search_file(lua_State *L) {
  const char *name = gtlua_topath(L, 1);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_pushcfunction(L, search_path);
  lua_pushvalue(L, 1);
  lua_getfield(L, -3, "path");
  lua_call(L, 2, LUA_MULTRET);
  if (lua_isnil(L, -2)) return 1; /* the message: where it looked */
  const char *path = lua_tostring(L, -1);
  if (load_path(L, path, NULL) != LUA_OK)
    return luaL_error(L, "error loading module '%s' from file '%s':\n\t%s", name, path,
                      lua_tostring(L, -1));
  lua_insert(L, -2);
  return 2;
}

void gtlua_open_load(lua_State *L) {
  lua_register(L, "load", text_load);
  lua_register(L, "loadfile", text_loadfile);
  lua_register(L, "dofile", text_dofile);
  lua_getglobal(L, LUA_LOADLIBNAME);
  lua_pushcfunction(L, search_path);
  lua_setfield(L, -2, "searchpath");
  lua_getfield(L, -1, "searchers");
  lua_pushvalue(L, -2);
  lua_pushcclosure(L, search_file, 1);
  lua_rawseti(L, -2, LUA_SEARCHER);
  lua_pop(L, 2);
}
