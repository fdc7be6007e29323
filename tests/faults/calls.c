/* calls.c: a library to preload into gptsh, which makes system calls on files fail.  A script arms
 * it by os.remove "calls:HOW:N"; the (N+1)-th call from then on
 *
 *   fail   fails with EIO, once
 *   full   finds the disk full, as do all that need room after it; half of a write still fits
 *   kill   does not return: SIGKILL comes before it
 *   term   is preceded by SIGTERM
 *   cut    does not return, as at a power cut: what was written to files and not fsynced is gone
 *   power  the same, and renames whose folder was not fsynced have not happened; removals have
 *
 * os.remove "calls:off" disarms it; its error number is the number of calls that were seen. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef enum how { OFF, FAIL, FULL, KILL, TERM, CUT, POWER } how;
static const char *const names[] = {"off", "fail", "full", "kill", "term", "cut", "power"};

static how armed;
static int at, seen;

static bool arm(const char *command) {
  if (strncmp(command, "calls:", 6) != 0) return false;
  for (int i = OFF; i <= POWER; i++) {
    size_t n = strlen(names[i]);
    if (strncmp(command + 6, names[i], n) != 0) continue;
    errno = seen;
    armed = (how)i;
    at = atoi(command + 6 + n + (armed != OFF));
    seen = 0;
  }
  return true;
}

/* ---- what a power cut takes back ---- */

enum { MOST = 256, NAME = 80 };

/* A file that was written to since it was last fsynced; fd is a descriptor of its own. */
static struct {
  int fd;
  off_t safe; /* bytes that are on the disk */
} dirty[MOST];

/* A rename within a folder that has not been fsynced since. */
static struct {
  int folder;
  char from[NAME], to[NAME], replaced[NAME]; /* the file that was there, kept under another name */
  bool exchange;
} moved[MOST];
static int dirty_count, moved_count;

static bool same_file(int a, int b) {
  struct stat x, y;
  return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* Before a write. */
static void note_write(int fd) {
  struct stat info;
  if (armed < CUT || dirty_count == MOST || fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) return;
  for (int i = 0; i < dirty_count; i++)
    if (same_file(fd, dirty[i].fd)) return;
  char path[32];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  int own = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CLOEXEC);
  if (own < 0) abort();
  dirty[dirty_count].fd = own;
  dirty[dirty_count++].safe = info.st_size;
}

/* After an fsync, of a file or a folder. */
static void note_sync(int fd) {
  for (int i = dirty_count - 1; i >= 0; i--) {
    if (!same_file(fd, dirty[i].fd)) continue;
    close(dirty[i].fd);
    dirty[i] = dirty[--dirty_count];
  }
  int kept = 0;
  for (int i = 0; i < moved_count; i++) {
    if (!same_file(fd, moved[i].folder)) {
      moved[kept++] = moved[i];
      continue;
    }
    if (*moved[i].replaced) syscall(SYS_unlinkat, moved[i].folder, moved[i].replaced, 0);
    close(moved[i].folder);
  }
  moved_count = kept;
}

/* Before a rename; both names lie in one folder. */
static void note_rename(int at_folder, const char *from, const char *to, bool exchange) {
  const char *slash = strrchr(from, '/'), *to_slash = strrchr(to, '/');
  if (armed < CUT || moved_count == MOST) return;
  char folder[4096] = ".";
  if (slash) snprintf(folder, sizeof folder, "%.*s", (int)(slash - from), from);
  int fd = (int)syscall(SYS_openat, at_folder, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  moved[moved_count].folder = fd;
  moved[moved_count].exchange = exchange;
  snprintf(moved[moved_count].from, NAME, "%s", slash ? slash + 1 : from);
  snprintf(moved[moved_count].to, NAME, "%s", to_slash ? to_slash + 1 : to);
  snprintf(moved[moved_count].replaced, NAME, ".gptsh-replaced-%d", seen);
  const char *base = moved[moved_count].to;
  if (exchange || syscall(SYS_linkat, fd, base, fd, moved[moved_count].replaced, 0) != 0)
    *moved[moved_count].replaced = '\0';
  moved_count++;
}

static void cut_power(void) {
  for (int i = 0; i < dirty_count; i++)
    if (ftruncate(dirty[i].fd, dirty[i].safe) != 0) abort();
  for (int i = moved_count - 1; i >= 0; i--) {
    int folder = moved[i].folder;
    const char *from = moved[i].from, *to = moved[i].to, *replaced = moved[i].replaced;
    if (armed == POWER)
      syscall(SYS_renameat2, folder, to, folder, from, moved[i].exchange ? RENAME_EXCHANGE : 0);
    if (*replaced && armed == POWER) syscall(SYS_renameat2, folder, replaced, folder, to, 0);
    if (*replaced && armed == CUT) syscall(SYS_unlinkat, folder, replaced, 0);
  }
  kill(getpid(), SIGKILL);
}

/* Must this call fail?  `room`: it needs room on the disk. */
static bool stopped(bool room) {
  if (armed == OFF) return false;
  int number = seen++;
  if (armed == FULL && number >= at && room) {
    errno = ENOSPC;
    return true;
  }
  if (number != at) return false;
  if (armed == KILL || armed == TERM) kill(getpid(), armed == KILL ? SIGKILL : SIGTERM);
  if (armed >= CUT) cut_power();
  errno = EIO;
  return armed == FAIL;
}

/* ---- the calls ---- */

static int open_at(int folder, const char *name, int flags, int mode) {
  if (stopped((flags & O_CREAT) != 0)) return -1;
  return (int)syscall(SYS_openat, folder, name, flags, mode);
}

static int mode_of(int flags, va_list rest) { return flags & O_CREAT ? va_arg(rest, int) : 0; }

int openat(int folder, const char *name, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  int mode = mode_of(flags, rest);
  va_end(rest);
  return open_at(folder, name, flags, mode);
}

int open(const char *name, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  int mode = mode_of(flags, rest);
  va_end(rest);
  return open_at(AT_FDCWD, name, flags, mode);
}

/* Pipes to other processes are no files, and how often they are read is a matter of chance. */
static bool is_pipe(int fd) {
  struct stat info;
  return fstat(fd, &info) == 0 && S_ISFIFO(info.st_mode);
}

ssize_t read(int fd, void *data, size_t n) {
  return !is_pipe(fd) && stopped(false) ? -1 : syscall(SYS_read, fd, data, n);
}

ssize_t pread(int fd, void *data, size_t n, off_t from) {
  return stopped(false) ? -1 : syscall(SYS_pread64, fd, data, n, from);
}

/* Standard output and errors are no files. */
ssize_t write(int fd, const void *data, size_t n) {
  if (fd <= 2 || is_pipe(fd)) return syscall(SYS_write, fd, data, n);
  if (!stopped(true)) {
    note_write(fd);
    return syscall(SYS_write, fd, data, n);
  }
  bool half = armed == FULL && seen == at + 1 && n > 1;
  return half ? syscall(SYS_write, fd, data, n / 2) : -1;
}

/* A failed flush of the C library forgets what was to be written. */
int fflush(FILE *f) {
  if (!f || fileno(f) <= 2 || !__fpending(f)) return fflush_unlocked(f);
  if (!stopped(true)) {
    note_write(fileno(f));
    return fflush_unlocked(f);
  }
  if (armed == FULL && seen == at + 1)
    syscall(SYS_write, fileno(f), f->_IO_write_base, __fpending(f) / 2);
  __fpurge(f);
  errno = armed == FULL ? ENOSPC : EIO;
  return EOF;
}

int fsync(int fd) {
  if (stopped(false)) return -1;
  int result = (int)syscall(SYS_fsync, fd);
  if (result == 0) note_sync(fd);
  return result;
}

int fchmod(int fd, mode_t mode) { return stopped(false) ? -1 : (int)syscall(SYS_fchmod, fd, mode); }

int mkdir(const char *path, mode_t mode) {
  return stopped(true) ? -1 : (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}

int rmdir(const char *path) {
  return stopped(false) ? -1 : (int)syscall(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR);
}

int unlinkat(int folder, const char *name, int flags) {
  return stopped(false) ? -1 : (int)syscall(SYS_unlinkat, folder, name, flags);
}

int truncate(const char *path, off_t size) {
  return stopped(false) ? -1 : (int)syscall(SYS_truncate, path, size);
}

int renameat2(int from_at, const char *from, int to_at, const char *to, unsigned flags) {
  if (stopped(false)) return -1;
  note_rename(from_at, from, to, flags == RENAME_EXCHANGE);
  return (int)syscall(SYS_renameat2, from_at, from, to_at, to, flags);
}

int renameat(int from_at, const char *from, int to_at, const char *to) {
  return renameat2(from_at, from, to_at, to, 0);
}

int rename(const char *from, const char *to) { return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0); }

int remove(const char *path) {
  if (arm(path)) return -1;
  if (stopped(false)) return -1;
  int flags = 0;
  struct stat info;
  if (lstat(path, &info) == 0 && S_ISDIR(info.st_mode)) flags = AT_REMOVEDIR;
  return (int)syscall(SYS_unlinkat, AT_FDCWD, path, flags);
}
