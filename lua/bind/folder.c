/* folder.c: folders and files of checkpoints, for the Lua library (lua/lib/gt/train/). */
#include "lua/bind/bind.h"

#include "core/data/atomic.h"
#include "core/data/digest.h"
#include "core/data/folder.h"

#include <string.h>

#define LOCK "gt.lock"
#define TEXT "gt.text" /* holds names while they are handed to Lua */

/* A path; one with a NUL in it would name another file. */
static const char *to_path(lua_State *L, int index) {
  size_t n;
  const char *path = luaL_checklstring(L, index, &n);
  if (strlen(path) != n) gtlua_error(L, "a path must not contain NUL");
  return path;
}

/* make(path): with all folders above it */
static int make(lua_State *L) {
  gtlua_check(L, gt_folder_make(gtlua_cx(L), to_path(L, 1)));
  return 0;
}

static int text_gc(lua_State *L) {
  gt_text_free(luaL_checkudata(L, 1, TEXT));
  return 0;
}

/* list(path) -> {name, …}, sorted by nothing; empty for a folder that is not there */
static int list(lua_State *L) {
  const char *path = to_path(L, 1);
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

/* remove(path): the folder and the files in it */
static int remove_folder(lua_State *L) {
  gtlua_check(L, gt_folder_remove(gtlua_cx(L), to_path(L, 1)));
  return 0;
}

/* publish(temporary, target): target is the whole old or the whole new folder */
static int publish(lua_State *L) {
  gtlua_check(L, gt_folder_publish(gtlua_cx(L), to_path(L, 1), to_path(L, 2)));
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
  const char *path = to_path(L, 1);
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
  const char *path = to_path(L, 1), *text = luaL_checklstring(L, 2, &n);
  gtlua_check(L, gt_atomic_put(gtlua_cx(L), path, text, n));
  return 0;
}

/* hash(path) -> size, XXH3-128 of the file as text */
static int hash(lua_State *L) {
  char text[GT_DIGEST_TEXT];
  int64_t size = 0;
  gtlua_check(L, gt_digest_file(gtlua_cx(L), to_path(L, 1), &size, text));
  lua_pushinteger(L, size);
  lua_pushstring(L, text);
  return 2;
}

/* truncate(path, size) */
static int truncate_file(lua_State *L) {
  gtlua_check(L, gt_file_truncate(gtlua_cx(L), to_path(L, 1), luaL_checkinteger(L, 2)));
  return 0;
}

/* sync(path): waits until the file is on the disk */
static int sync_file(lua_State *L) {
  gtlua_check(L, gt_file_sync(gtlua_cx(L), to_path(L, 1)));
  return 0;
}

static const luaL_Reg functions[] = {{"hash", hash},
                                     {"list", list},
                                     {"lock", lock_folder},
                                     {"lock_file", lock_file},
                                     {"make", make},
                                     {"publish", publish},
                                     {"sync", sync_file},
                                     {"truncate", truncate_file},
                                     {"remove", remove_folder},
                                     {"write", write_file},
                                     {NULL, NULL}};

void gtlua_open_folder(lua_State *L) {
  luaL_newmetatable(L, TEXT);
  lua_pushcfunction(L, text_gc);
  lua_setfield(L, -2, "__gc");
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
