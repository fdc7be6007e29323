/* folder.c: folders and files for the Lua library: all that it reads, replaces and removes goes
 * through here. */
#include "lua/bind/bind.h"

#include "core/data/atomic.h"
#include "core/data/digest.h"
#include "core/data/file.h"
#include "core/data/folder.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK "gt.lock"
#define TEXT "gt.text"     /* holds names while they are handed to Lua */
#define FILE_BOX "gt.File" /* and this a file while it is read */

/* make(path): with all folders above it */
static int make(lua_State *L) {
  gtlua_check(L, gt_folder_make(gtlua_cx(L), gtlua_topath(L, 1)));
  return 0;
}

static int text_gc(lua_State *L) {
  gt_text_free(luaL_checkudata(L, 1, TEXT));
  return 0;
}

/* list(path) -> {name, …}, sorted by nothing; empty for a folder that is not there */
static int list(lua_State *L) {
  const char *path = gtlua_topath(L, 1);
  gt_text *names = lua_newuserdatauv(L, sizeof *names, 0);
  *names = (gt_text){0};
  luaL_setmetatable(L, TEXT);
  gtlua_check(L, gt_folder_list(gtlua_cx(L), path, names));
  lua_newtable(L);
  lua_Integer i = 0;
  for (size_t at = 0; at < names->length; at += strlen(names->data + at) + 1) {
    lua_pushstring(L, names->data + at);
    lua_rawseti(L, -2, ++i);
  }
  return 1;
}

/* renew(path): a new, empty folder in the place of what had its name */
static int renew(lua_State *L) {
  gtlua_check(L, gt_folder_renew(gtlua_cx(L), gtlua_topath(L, 1)));
  return 0;
}

/* remove(path): the folder and the files in it; or the file or link of that name */
static int remove_folder(lua_State *L) {
  gtlua_check(L, gt_folder_remove(gtlua_cx(L), gtlua_topath(L, 1)));
  return 0;
}

/* publish(temporary, target): target is the whole old or the whole new folder */
static int publish(lua_State *L) {
  gtlua_check(L, gt_folder_publish(gtlua_cx(L), gtlua_topath(L, 1), gtlua_topath(L, 2)));
  return 0;
}

static int lock_gc(lua_State *L) {
  int *fd = luaL_checkudata(L, 1, LOCK);
  gt_folder_unlock(*fd);
  *fd = -1;
  return 0;
}

typedef gt_status locker(gt_ctx *cx, const char *path, int *fd, bool *held);

static int take_lock(lua_State *L, locker *lock) {
  const char *path = gtlua_topath(L, 1);
  bool held = false;
  int *fd = lua_newuserdatauv(L, sizeof *fd, 0);
  *fd = -1;
  luaL_setmetatable(L, LOCK);
  gtlua_check(L, lock(gtlua_cx(L), path, fd, &held));
  return held;
}

/* lock(path) -> an object that holds the lock of the folder until it is closed, or nothing when
 * another process has it */
static int lock_folder(lua_State *L) { return take_lock(L, gt_folder_lock); }

/* lock_file(path): the same for a file, which is made when it is not there */
static int lock_file(lua_State *L) { return take_lock(L, gt_file_lock); }

/* write(path, text): the file holds the whole old or the whole new text, durably */
static int write_file(lua_State *L) {
  size_t n;
  const char *path = gtlua_topath(L, 1), *text = luaL_checklstring(L, 2, &n);
  gtlua_check(L, gt_atomic_put(gtlua_cx(L), path, text, n));
  return 0;
}

static int file_gc(lua_State *L) {
  gt_file_close(luaL_checkudata(L, 1, FILE_BOX));
  return 0;
}

/* Opens the file at index 1 and pushes it; or nil, the message, and whether nothing has its name,
 * answering how many. */
static int push_opened(lua_State *L, uint64_t limit, gt_file **out) {
  gt_ctx *cx = gtlua_cx(L);
  const char *path = gtlua_topath(L, 1);
  gt_file *file = lua_newuserdatauv(L, sizeof *file, 0);
  *file = (gt_file){.fd = -1};
  luaL_setmetatable(L, FILE_BOX);
  gt_status status = gt_file_open(cx, path, file);
  bool missing = status && access(path, F_OK) != 0 && errno == ENOENT;
  if (status == GT_OK) status = gt_file_limit(cx, file, limit);
  *out = file;
  if (status != GT_EIO && status != GT_EFORMAT) gtlua_check(L, status);
  if (status == GT_OK) return 0;
  gt_file_close(file);
  lua_pushnil(L);
  lua_pushstring(L, cx->message);
  lua_pushboolean(L, missing);
  return 3;
}

static int push_bytes(lua_State *L, const gt_file *file, size_t size) {
  luaL_Buffer text;
  char *room = luaL_buffinitsize(L, &text, size);
  gtlua_check(L, gt_file_read(gtlua_cx(L), file, 0, room, size));
  luaL_pushresultsize(&text, size);
  return 1;
}

/* read(path, most) -> the bytes of a regular file of at most `most`; or nil, why not, and whether
 * nothing has that name */
static int read_file(lua_State *L) {
  gt_file *file;
  int problem = push_opened(L, (uint64_t)luaL_checkinteger(L, 2), &file);
  if (problem) return problem;
  push_bytes(L, file, (size_t)file->size);
  gt_file_close(file);
  return 1;
}

/* head(path, n) -> the first n bytes, or all; or nil, why not, and whether nothing has that name */
static int read_head(lua_State *L) {
  gt_file *file;
  uint64_t most = (uint64_t)luaL_checkinteger(L, 2);
  int problem = push_opened(L, UINT64_MAX, &file);
  if (problem) return problem;
  push_bytes(L, file, (size_t)(file->size < most ? file->size : most));
  gt_file_close(file);
  return 1;
}

/* kind(path[, follow]) -> "file", "folder", "symbolic link", "pipe", "socket" or "device", size; or
 * nothing when nothing has that name.  follow: of what a link points to. */
static int kind(lua_State *L) {
  struct stat info;
  const char *path = gtlua_topath(L, 1);
  if ((lua_toboolean(L, 2) ? stat : lstat)(path, &info) != 0) return 0;
  lua_pushstring(L, gt_file_kind(info.st_mode));
  lua_pushinteger(L, (lua_Integer)info.st_size);
  return 2;
}

/* hash(path) -> size, XXH3-128 of the file as text */
static int hash(lua_State *L) {
  char text[GT_DIGEST_TEXT];
  int64_t size = 0;
  gtlua_check(L, gt_digest_file(gtlua_cx(L), gtlua_topath(L, 1), &size, text));
  lua_pushinteger(L, size);
  lua_pushstring(L, text);
  return 2;
}

/* truncate(path, size) */
static int truncate_file(lua_State *L) {
  gtlua_check(L, gt_file_truncate(gtlua_cx(L), gtlua_topath(L, 1), luaL_checkinteger(L, 2)));
  return 0;
}

/* sync(path): waits until the file is on the disk */
static int sync_file(lua_State *L) {
  gtlua_check(L, gt_file_sync(gtlua_cx(L), gtlua_topath(L, 1)));
  return 0;
}

static const luaL_Reg functions[] = {{"hash", hash},
                                     {"head", read_head},
                                     {"kind", kind},
                                     {"list", list},
                                     {"lock", lock_folder},
                                     {"lock_file", lock_file},
                                     {"make", make},
                                     {"publish", publish},
                                     {"read", read_file},
                                     {"renew", renew},
                                     {"sync", sync_file},
                                     {"truncate", truncate_file},
                                     {"remove", remove_folder},
                                     {"write", write_file},
                                     {NULL, NULL}};

void gtlua_open_folder(lua_State *L) {
  luaL_newmetatable(L, TEXT);
  lua_pushcfunction(L, text_gc);
  lua_setfield(L, -2, "__gc");
  gtlua_kind(L, FILE_BOX, GTLUA_META({"__gc", file_gc}));
  luaL_newmetatable(L, LOCK);
  lua_pushcfunction(L, lock_gc);
  lua_pushvalue(L, -1);
  lua_setfield(L, -3, "__gc");
  lua_pushvalue(L, -1);
  lua_setfield(L, -3, "__close");
  lua_createtable(L, 0, 1);
  lua_insert(L, -2);
  lua_setfield(L, -2, "close");
  lua_setfield(L, -2, "__index");
  lua_pop(L, 2);
  gtlua_native(L, "native.folder", functions);
}
