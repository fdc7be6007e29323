/* output.c: stdout and stderr as streams whose writes are ours.  Those of the C library take a
 * write that a signal interrupted for one that failed, and drop what it should have written. */
#include "shell/output.h"
#include "shell/interrupt.h"

#include <errno.h>
#include <stdint.h>
#include <unistd.h>

static FILE *plain_output, *plain_errors;

/* Asked to stop, it does not wait for a reader that no longer reads: the rest is dropped. */
static ssize_t write_all(void *fd, const char *bytes, size_t size) {
  size_t left = size;
  while (left > 0) {
    ssize_t n = write((int)(intptr_t)fd, bytes, left);
    if (n < 0 && errno == EINTR && sh_interrupted()) break;
    if (n < 0 && errno != EINTR) return (ssize_t)(size - left);
    if (n > 0) bytes += n, left -= (size_t)n;
  }
  return (ssize_t)size;
}

static int seek(void *fd, off64_t *at, int whence) {
  off64_t place = lseek64((int)(intptr_t)fd, *at, whence);
  if (place < 0) return -1;
  *at = place;
  return 0;
}

static FILE *stream(int fd, int mode) {
  cookie_io_functions_t functions = {.write = write_all, .seek = seek};
  FILE *f = fopencookie((void *)(intptr_t)fd, "w", functions);
  if (f) setvbuf(f, NULL, mode, BUFSIZ);
  return f;
}

void sh_output_open(void) {
  FILE *output = stream(STDOUT_FILENO, isatty(STDOUT_FILENO) ? _IOLBF : _IOFBF);
  FILE *errors = stream(STDERR_FILENO, _IONBF);
  plain_output = stdout;
  plain_errors = stderr;
  if (output) stdout = output;
  if (errors) stderr = errors;
}

FILE *sh_output_plain(int fd) { return fd == STDOUT_FILENO ? plain_output : plain_errors; }
