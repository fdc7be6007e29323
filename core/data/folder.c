/* folder.c: making, listing, locking and replacing folders; see folder.h. */
#include "core/data/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static gt_status fail(gt_ctx *cx, const char *what, const char *path) {
  const char *reason = errno == ELOOP ? "it is a symbolic link" : strerror(errno);
  return gt_fail(cx, GT_EIO, "cannot %s '%s': %s", what, path, reason);
}

static bool is_folder(const char *path) {
  struct stat info;
  return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* fsync of a file or a folder; a file system without fsync for folders is not an error. */
static gt_status sync_path(gt_ctx *cx, const char *path, int flags) {
  int fd = open(path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return fail(cx, "open", path);
  gt_status status = GT_OK;
  if (fsync(fd) != 0 && errno != EINVAL) status = fail(cx, "save", path);
  if (close(fd) != 0 && status == GT_OK) status = fail(cx, "save", path);
  return status;
}

static gt_status sync_parent(gt_ctx *cx, const char *path) {
  char *parent = gt_strdup(cx, path);
  if (!parent) return GT_ENOMEM;
  char *slash = strrchr(parent, '/');
  if (slash) slash[slash == parent] = '\0';
  gt_status status = sync_path(cx, slash ? parent : ".", O_RDONLY | O_DIRECTORY);
  gt_free(parent);
  return status;
}

static gt_status make_one(gt_ctx *cx, const char *path) {
  if (mkdir(path, 0777) == 0) return sync_parent(cx, path);
  return errno == EEXIST && is_folder(path) ? GT_OK : fail(cx, "make folder", path);
}

gt_status gt_folder_make(gt_ctx *cx, const char *path) {
  char *part = gt_strdup(cx, path);
  if (!part) return GT_ENOMEM;
  gt_status status = GT_OK;
  for (char *slash = *part ? strchr(part + 1, '/') : NULL; slash && status == GT_OK;
       slash = strchr(slash + 1, '/')) {
    *slash = '\0';
    if (!is_folder(part)) status = make_one(cx, part);
    *slash = '/';
  }
  if (status == GT_OK) status = make_one(cx, part);
  gt_free(part);
  return status;
}

gt_status gt_folder_renew(gt_ctx *cx, const char *path) {
  GT_TRY(gt_folder_remove(cx, path));
  if (mkdir(path, 0777) != 0) return fail(cx, "make folder", path);
  return GT_OK;
}

static gt_status list_names(gt_ctx *cx, DIR *folder, const char *path, gt_text *out) {
  const struct dirent *entry;
  while (errno = 0, (entry = readdir(folder)) != NULL) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    gt_text_append(cx, out, entry->d_name, strlen(entry->d_name) + 1);
  }
  return errno ? fail(cx, "read folder", path) : out->failed ? GT_ENOMEM : GT_OK;
}

gt_status gt_folder_list(gt_ctx *cx, const char *path, gt_text *out) {
  DIR *folder = opendir(path);
  if (!folder) return errno == ENOENT ? GT_OK : fail(cx, "read folder", path);
  gt_status status = list_names(cx, folder, path, out);
  closedir(folder);
  return status;
}

/* Empties and removes the folder `base` of the folder `parent`.  Everything goes by descriptors and
 * follows no link: nothing outside of it is touched, whatever is in it. */
static gt_status remove_folder(gt_ctx *cx, int parent, const char *base, const char *path) {
  int fd = openat(parent, base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  DIR *folder = fd < 0 ? NULL : fdopendir(fd);
  gt_text names = {0};
  if (!folder) {
    gt_status status = fail(cx, "remove folder", path);
    if (fd >= 0) close(fd);
    return status;
  }
  gt_status status = list_names(cx, folder, path, &names);
  for (size_t at = 0; status == GT_OK && at < names.length; at += strlen(names.data + at) + 1)
    if (unlinkat(fd, names.data + at, 0) != 0) status = fail(cx, "empty folder", path);
  if (status == GT_OK && unlinkat(parent, base, AT_REMOVEDIR) != 0)
    status = fail(cx, "remove folder", path);
  gt_text_free(&names);
  closedir(folder);
  return status;
}

gt_status gt_folder_remove(gt_ctx *cx, const char *path) {
  char *copy = gt_strdup(cx, path);
  struct stat info;
  if (!copy) return GT_ENOMEM;
  for (size_t n = strlen(copy); n > 1 && copy[n - 1] == '/'; n--) copy[n - 1] = '\0';
  char *slash = strrchr(copy, '/'), *base = slash ? slash + 1 : copy;
  if (slash) *slash = '\0';
  int parent = open(slash == copy ? "/" : slash ? copy : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  gt_status status = GT_OK;
  if (parent < 0 || fstatat(parent, base, &info, AT_SYMLINK_NOFOLLOW) != 0)
    status = errno == ENOENT ? GT_OK : fail(cx, "remove folder", path);
  else if (S_ISDIR(info.st_mode))
    status = remove_folder(cx, parent, base, path);
  else if (unlinkat(parent, base, 0) != 0)
    status = fail(cx, "remove", path);
  if (parent >= 0) close(parent);
  gt_free(copy);
  return status;
}

gt_status gt_folder_publish(gt_ctx *cx, const char *temporary, const char *target) {
  GT_TRY(sync_path(cx, temporary, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  struct stat info; /* a link to a folder is replaced as what it is, a link */
  bool replaces = lstat(target, &info) == 0 && (S_ISDIR(info.st_mode) || S_ISLNK(info.st_mode));
  int failed = replaces ? renameat2(AT_FDCWD, temporary, AT_FDCWD, target, RENAME_EXCHANGE)
                        : rename(temporary, target);
  if (failed) return fail(cx, "rename a folder to", target);
  GT_TRY(sync_parent(cx, target));
  return replaces ? gt_folder_remove(cx, temporary) : GT_OK;
}

static gt_status lock_file(gt_ctx *cx, const char *path, int flags, int *fd, bool *held) {
  struct stat info;
  int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | flags, 0666);
  if (file < 0) return fail(cx, "write", path);
  if (fstat(file, &info) != 0 || !S_ISREG(info.st_mode)) {
    close(file);
    return gt_fail(cx, GT_EIO, "cannot write '%s': it is not a regular file", path);
  }
  bool locked = flock(file, LOCK_EX | LOCK_NB) == 0;
  gt_status status = locked || errno == EWOULDBLOCK ? GT_OK : fail(cx, "lock", path);
  if (!locked) close(file);
  if (status != GT_OK) return status;
  *held = locked;
  *fd = locked ? file : -1;
  return GT_OK;
}

gt_status gt_file_lock(gt_ctx *cx, const char *path, int *fd, bool *held) {
  return lock_file(cx, path, 0, fd, held);
}

/* Names the owner for processes that are refused the lock; failing to is harmless. */
static void note_owner(int fd) {
  char text[32];
  int n = snprintf(text, sizeof text, "%ld\n", (long)getpid());
  if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)n, 0) != n) return;
}

gt_status gt_folder_lock(gt_ctx *cx, const char *path, int *fd, bool *held) {
  gt_text name = {0};
  gt_text_add(cx, &name, "%s/.lock", path);
  gt_status status = name.failed ? GT_ENOMEM : lock_file(cx, name.data, O_NOFOLLOW, fd, held);
  if (status == GT_OK && *held) note_owner(*fd);
  gt_text_free(&name);
  return status;
}

void gt_folder_unlock(int fd) {
  if (fd >= 0) close(fd);
}

gt_status gt_file_truncate(gt_ctx *cx, const char *path, int64_t size) {
  if (truncate(path, size) != 0) return fail(cx, "cut", path);
  return gt_file_sync(cx, path);
}

gt_status gt_file_sync(gt_ctx *cx, const char *path) { return sync_path(cx, path, O_RDONLY); }
