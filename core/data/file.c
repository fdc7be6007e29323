/* file.c: see file.h. */
#include "core/data/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE ((size_t)16 << 20) /* bytes between two looks at the interrupt flag */

static int64_t modified(const struct stat *info) {
  return (int64_t)info->st_mtim.tv_sec * 1000000000 + info->st_mtim.tv_nsec;
}

const char *gt_file_kind(unsigned mode) {
  switch (mode & S_IFMT) {
  case S_IFREG:
    return "file";
  case S_IFDIR:
    return "folder";
  case S_IFLNK:
    return "symbolic link";
  case S_IFIFO:
    return "pipe";
  case S_IFSOCK:
    return "socket";
  default:
    return "device";
  }
}

/* O_NONBLOCK: opening a pipe that has no writer must not hang; it is refused as not regular. */
static gt_status open_regular(gt_ctx *cx, const char *path, int *fd, struct stat *info) {
  *fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  int error = *fd < 0 || fstat(*fd, info) != 0 ? errno : 0;
  if (error == ENXIO && stat(path, info) == 0) error = 0; /* a socket: open() knows none */
  if (error) return gt_fail(cx, GT_EIO, "cannot open '%s': %s", path, strerror(error));
  if (!S_ISREG(info->st_mode))
    return gt_fail(cx, GT_EIO, "cannot open '%s': it is a %s, not a regular file", path,
                   gt_file_kind(info->st_mode));
  return GT_OK;
}

gt_status gt_file_open(gt_ctx *cx, const char *path, gt_file *out) {
  struct stat info;
  gt_file file = {.fd = -1};
  gt_status status = open_regular(cx, path, &file.fd, &info);

  if (status == GT_OK && !(file.path = gt_strdup(cx, path))) status = GT_ENOMEM;
  if (status) {
    gt_file_close(&file);
  } else {
    file.size = (uint64_t)info.st_size;
    file.modified = modified(&info);
    file.device = info.st_dev;
    file.inode = info.st_ino;
  }
  *out = file;
  return status;
}

gt_status gt_file_read(gt_ctx *cx, const gt_file *file, uint64_t offset, void *data, uint64_t n) {
  char *at = data;
  while (n) {
    GT_TRY(gt_poll(cx));
    ssize_t got = pread(file->fd, at, n < PIECE ? n : PIECE, (off_t)offset);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return gt_fail(cx, GT_EIO, "cannot read '%s': %s", file->path, strerror(errno));
    if (got == 0) return gt_fail(cx, GT_EIO, "%s: file shrank while it was read", file->path);
    at += got;
    offset += (uint64_t)got;
    n -= (uint64_t)got;
  }
  return GT_OK;
}

static gt_status compare(gt_ctx *cx, const gt_file *file, const struct stat *info) {
  bool same = file->device == info->st_dev && file->inode == info->st_ino &&
              file->size == (uint64_t)info->st_size && file->modified == modified(info);
  if (!same)
    return gt_fail(cx, GT_EIO, "%s: file was changed since it was opened (%llu bytes, had %llu)",
                   file->path, (unsigned long long)info->st_size, (unsigned long long)file->size);
  return GT_OK;
}

gt_status gt_file_unchanged(gt_ctx *cx, const gt_file *file) {
  struct stat info;
  if (fstat(file->fd, &info) != 0)
    return gt_fail(cx, GT_EIO, "cannot read '%s': %s", file->path, strerror(errno));
  return compare(cx, file, &info);
}

void gt_file_suspend(gt_file *file) {
  if (file->fd >= 0) close(file->fd);
  file->fd = -1;
}

gt_status gt_file_resume(gt_ctx *cx, gt_file *file) {
  struct stat info;
  if (file->fd >= 0) return GT_OK;
  gt_status status = open_regular(cx, file->path, &file->fd, &info);
  if (status == GT_OK) status = compare(cx, file, &info);
  if (status) gt_file_suspend(file);
  return status;
}

void gt_file_close(gt_file *file) {
  gt_file_suspend(file);
  gt_free(file->path);
  file->path = NULL;
}

gt_status gt_file_limit(gt_ctx *cx, const gt_file *file, uint64_t limit) {
  if (file->size <= limit) return GT_OK;
  return gt_fail(cx, GT_EFORMAT, "%s: expected at most %llu bytes, got %llu", file->path,
                 (unsigned long long)limit, (unsigned long long)file->size);
}

gt_status gt_file_read_all(gt_ctx *cx, const char *path, uint64_t limit, char **data,
                           size_t *size) {
  gt_file file;
  char *bytes = NULL;
  GT_TRY(gt_file_open(cx, path, &file));
  gt_status status = gt_file_limit(cx, &file, limit);
  if (status == GT_OK && !(bytes = gt_malloc(cx, file.size + 1))) status = GT_ENOMEM;
  if (status == GT_OK) status = gt_file_read(cx, &file, 0, bytes, file.size);
  gt_file_close(&file);
  if (status) {
    gt_free(bytes);
    return status;
  }
  bytes[file.size] = '\0';
  *data = bytes;
  *size = file.size;
  return GT_OK;
}

const char *gt_quoted(const char *bytes, size_t n, char text[GT_QUOTED]) {
  size_t most = n < GT_QUOTED - 4 ? n : GT_QUOTED - 4;
  for (size_t i = 0; i < most; i++) {
    unsigned char c = (unsigned char)bytes[i];
    text[i] = c < 0x20 || c > 0x7e ? '?' : bytes[i];
  }
  memcpy(text + most, most < n ? "..." : "", most < n ? 4 : 1);
  return text;
}

const char *gt_shown(const char *bytes, size_t n, char text[GT_SHOWN]) {
  size_t most = n < GT_SHOWN - 4 ? n : GT_SHOWN - 4, i = 0;
  for (; i < most; i++)
    text[i] = (unsigned char)bytes[i] < 0x20 || bytes[i] == 0x7f ? '?' : bytes[i];
  while (i && i < n && ((unsigned char)bytes[i] & 0xc0) == 0x80) i--; /* no half UTF-8 */
  memcpy(text + i, i < n ? "..." : "", i < n ? 4 : 1);
  return text;
}
