/* calls.c: a library to preload into gptsh, which makes system calls on files fail.  A script arms
 * it by os.remove "calls:HOW:N"; the (N+1)-th call from then on
 *
 *   fail   fails with EIO, once
 *   full   finds the disk full, as do all that need room after it; half of a write still fits
 *   kill   does not return: SIGKILL comes before it
 *   term   is preceded by SIGTERM
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

typedef enum how { OFF, FAIL, FULL, KILL, TERM } how;
static const char *const names[] = {"off", "fail", "full", "kill", "term"};

static how armed;
static int at, seen;

static bool arm(const char *command) {
  if (strncmp(command, "calls:", 6) != 0) return false;
  for (int i = OFF; i <= TERM; i++) {
    size_t n = strlen(names[i]);
    if (strncmp(command + 6, names[i], n) != 0) continue;
    errno = seen;
    armed = (how)i;
    at = atoi(command + 6 + n + (armed != OFF));
    seen = 0;
  }
  return true;
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
  if (!stopped(true)) return syscall(SYS_write, fd, data, n);
  bool half = armed == FULL && seen == at + 1 && n > 1;
  return half ? syscall(SYS_write, fd, data, n / 2) : -1;
}

/* A failed flush of the C library forgets what was to be written. */
int fflush(FILE *f) {
  if (!f || fileno(f) <= 2 || !__fpending(f) || !stopped(true)) return fflush_unlocked(f);
  if (armed == FULL && seen == at + 1)
    syscall(SYS_write, fileno(f), f->_IO_write_base, __fpending(f) / 2);
  __fpurge(f);
  errno = armed == FULL ? ENOSPC : EIO;
  return EOF;
}

int fsync(int fd) { return stopped(false) ? -1 : (int)syscall(SYS_fsync, fd); }

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
  return stopped(false) ? -1 : (int)syscall(SYS_renameat2, from_at, from, to_at, to, flags);
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
