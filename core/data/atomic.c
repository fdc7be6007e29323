/* atomic.c: see atomic.h.  Works relative to a descriptor of the folder, so that the temporary
 * file, the rename and the fsync concern one folder even if its name changes meanwhile.
 *
 * A temporary file is locked as long as its writer lives.  One that can be locked is what a killed
 * process left: the next save to the folder removes it. */
#include "core/data/atomic.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEMPORARY ".gptsh-%ld-%d.tmp" /* process, number */
#define PIECE ((size_t)16 << 20)      /* bytes between two looks at the interrupt flag */

static gt_status fail(gt_ctx *cx, const gt_atomic *file, int error) {
  return gt_fail(cx, GT_EIO, "cannot save '%s': %s", file->path, strerror(error));
}

/* Follows symbolic links of an existing target; splits it into folder and base.  A target that does
 * not exist yet is taken as written. */
static gt_status locate(gt_ctx *cx, gt_atomic *file) {
  char *resolved = realpath(file->path, NULL);
  if (!resolved && errno != ENOENT) return fail(cx, file, errno);
  struct stat link;
  if (!resolved && lstat(file->path, &link) == 0) return fail(cx, file, ENOENT); /* dangling */
  file->target = gt_strdup(cx, resolved ? resolved : file->path);
  free(resolved);
  if (!file->target) return GT_ENOMEM;

  char *slash = strrchr(file->target, '/');
  file->base = slash ? slash + 1 : file->target;
  if (!*file->base) return fail(cx, file, *file->path ? EISDIR : ENOENT);
  const char *folder = slash == file->target ? "/" : slash ? file->target : ".";
  if (slash) *slash = '\0';
  file->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return file->folder < 0 ? fail(cx, file, errno) : GT_OK;
}

static void remove_leftovers(const gt_atomic *file) {
  int fd = openat(file->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *entries = fd < 0 ? NULL : fdopendir(fd);
  if (!entries) {
    if (fd >= 0) close(fd);
    return; /* this save does not depend on it */
  }
  for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
    long process;
    int number, length = 0;
    sscanf(entry->d_name, TEMPORARY "%n", &process, &number, &length);
    if (length == 0 || entry->d_name[length]) continue;
    int left = openat(file->folder, entry->d_name,
                      O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (left < 0) continue;
    if (flock(left, LOCK_EX | LOCK_NB) == 0) unlinkat(file->folder, entry->d_name, 0);
    close(left);
  }
  closedir(entries);
}

/* False when another process took the new file for a leftover before it was locked. */
static bool lock(int fd) {
  struct stat info;
  if (flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) return false;
  return fstat(fd, &info) == 0 && info.st_nlink > 0;
}

static gt_status create_temporary(gt_ctx *cx, gt_atomic *file) {
  for (int i = 0; i < 1000 && file->fd < 0; i++) {
    snprintf(file->temporary, sizeof file->temporary, TEMPORARY, (long)getpid(), i);
    file->fd = openat(file->folder, file->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file->fd < 0 && errno != EEXIST) break;
    if (file->fd >= 0 && !lock(file->fd)) {
      close(file->fd);
      file->fd = -1;
      errno = EEXIST;
    }
  }
  if (file->fd >= 0) return GT_OK;
  file->temporary[0] = '\0';
  return fail(cx, file, errno);
}

gt_status gt_atomic_open(gt_ctx *cx, const char *path, gt_atomic *out) {
  gt_atomic file = {.folder = -1, .fd = -1};
  gt_status status = GT_ENOMEM;
  struct stat old;

  file.path = gt_strdup(cx, path);
  if (!file.path) goto out;
  status = locate(cx, &file);
  if (status) goto out;

  bool exists = fstatat(file.folder, file.base, &old, 0) == 0;
  if (exists && !S_ISREG(old.st_mode)) {
    status = gt_fail(cx, GT_EIO, "cannot save '%s': it is not a regular file", path);
    goto out;
  }
  if (exists && faccessat(file.folder, file.base, W_OK, AT_EACCESS) != 0) {
    status = fail(cx, &file, errno);
    goto out;
  }
  remove_leftovers(&file);
  status = create_temporary(cx, &file);
  if (status) goto out;
  if (exists && fchmod(file.fd, old.st_mode & 07777) != 0) {
    status = fail(cx, &file, errno);
    goto out;
  }
  *out = file;
  return GT_OK;

out:
  gt_atomic_abort(&file);
  return status;
}

gt_status gt_atomic_write(gt_ctx *cx, gt_atomic *file, const void *data, size_t n) {
  const char *at = data;
  while (n) {
    GT_TRY(gt_poll(cx));
    ssize_t written = write(file->fd, at, n < PIECE ? n : PIECE);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return fail(cx, file, written < 0 ? errno : ENOSPC);
    at += written;
    n -= (size_t)written;
  }
  return GT_OK;
}

gt_status gt_atomic_commit(gt_ctx *cx, gt_atomic *file) {
  gt_status status = GT_OK;

  if (fsync(file->fd) != 0) status = fail(cx, file, errno); /* all that close could report */
  if (!status && renameat(file->folder, file->temporary, file->folder, file->base) != 0)
    status = fail(cx, file, errno);
  if (!status) {
    file->temporary[0] = '\0';
    if (fsync(file->folder) != 0 && errno != EINVAL) status = fail(cx, file, errno);
  }
  gt_atomic_abort(file);
  return status;
}

void gt_atomic_abort(gt_atomic *file) {
  if (file->temporary[0]) unlinkat(file->folder, file->temporary, 0);
  if (file->fd >= 0) close(file->fd);
  if (file->folder >= 0) close(file->folder);
  gt_free(file->path);
  gt_free(file->target);
  *file = (gt_atomic){.folder = -1, .fd = -1};
}

gt_status gt_atomic_put(gt_ctx *cx, const char *path, const void *data, size_t n) {
  gt_atomic file;
  GT_TRY(gt_atomic_open(cx, path, &file));
  gt_status status = gt_atomic_write(cx, &file, data, n);
  if (!status) status = gt_atomic_commit(cx, &file);
  gt_atomic_abort(&file);
  return status;
}
