/* capture.c: one pipe, one thread; the thread and sh_capture_take() empty the pipe in turns, so
 * that nothing that was written before a call is missing from its result. */
#include "shell/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SH_KEPT ((size_t)64 << 20)

static struct {
  int pipe, wake[2]; /* the pipe's read end; a byte in wake ends the thread */
  int real;          /* where stdout went before */
  pthread_t thread;
  pthread_mutex_t lock;
  char *data; /* the recording: data[0, size) */
  size_t size, capacity, lost;
  int failure; /* errno of the first write that failed: nothing is passed on after it */
} capture = {.lock = PTHREAD_MUTEX_INITIALIZER, .real = -1};

static void keep(const char *bytes, size_t n) {
  size_t fits = n < SH_KEPT - capture.size ? n : SH_KEPT - capture.size;
  if (capture.size + fits > capture.capacity) {
    size_t capacity = (capture.size + fits) * 2;
    char *data = realloc(capture.data, capacity);
    if (data)
      capture.data = data, capture.capacity = capacity;
    else
      fits = 0;
  }
  if (fits > 0) memcpy(capture.data + capture.size, bytes, fits);
  capture.size += fits;
  capture.lost += n - fits;
}

static void pass_on(const char *bytes, size_t n) {
  while (n > 0 && capture.failure == 0) {
    ssize_t written = write(capture.real, bytes, n);
    if (written < 0 && errno != EINTR) capture.failure = errno;
    if (written > 0) bytes += written, n -= (size_t)written;
  }
}

/* Empties the pipe; the caller holds the lock. */
static void pump(void) {
  char bytes[1 << 14];
  for (;;) {
    ssize_t n = read(capture.pipe, bytes, sizeof bytes);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    keep(bytes, (size_t)n);
    pass_on(bytes, (size_t)n);
  }
}

static void *listen_to(void *unused) {
  struct pollfd fds[] = {{.fd = capture.pipe, .events = POLLIN},
                         {.fd = capture.wake[0], .events = POLLIN}};
  (void)unused;
  while (fds[1].revents == 0) {
    if (poll(fds, 2, -1) < 0) continue;
    pthread_mutex_lock(&capture.lock);
    pump();
    pthread_mutex_unlock(&capture.lock);
  }
  return NULL;
}

static bool start_thread(void) {
  sigset_t all, before;
  sigfillset(&all); /* signals are for the main thread; a broken pipe is an error of the write */
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int failed = pthread_create(&capture.thread, NULL, listen_to, NULL);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  errno = failed;
  return failed == 0;
}

bool sh_capture_start(void) {
  int ends[2];
  if (capture.real >= 0) {
    errno = EALREADY;
    return false;
  }
  fflush(stdout);
  capture.failure = 0;
  if (pipe2(ends, O_CLOEXEC) != 0) return false;
  capture.pipe = ends[0];
  fcntl(capture.pipe, F_SETFL, O_NONBLOCK);
  bool ready = pipe2(capture.wake, O_CLOEXEC) == 0;
  capture.real = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
  if (ready && capture.real >= 0 && dup2(ends[1], STDOUT_FILENO) >= 0 && start_thread()) {
    close(ends[1]);
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ); /* lines of ours and of child programs stay in order */
    return true;
  }
  int reason = errno;
  if (capture.real >= 0) {
    dup2(capture.real, STDOUT_FILENO);
    close(capture.real);
  }
  capture.real = -1;
  close(ends[0]);
  close(ends[1]);
  if (ready) {
    close(capture.wake[0]);
    close(capture.wake[1]);
  }
  errno = reason;
  return false;
}

char *sh_capture_take(size_t *size, size_t *lost) {
  fflush(stdout);
  pthread_mutex_lock(&capture.lock);
  pump();
  char *data = capture.data ? capture.data : malloc(1);
  *size = capture.size;
  *lost = capture.lost;
  capture.data = NULL;
  capture.size = capture.capacity = capture.lost = 0;
  pthread_mutex_unlock(&capture.lock);
  return data;
}

int sh_capture_stop(void) {
  if (capture.real < 0) return 0;
  fflush(stdout);
  dup2(capture.real, STDOUT_FILENO);
  ssize_t woken = write(capture.wake[1], "", 1);
  (void)woken;
  pthread_join(capture.thread, NULL);
  pump();
  close(capture.pipe);
  close(capture.wake[0]);
  close(capture.wake[1]);
  close(capture.real);
  capture.real = -1;
  free(capture.data);
  capture.data = NULL;
  capture.size = capture.capacity = capture.lost = 0;
  return capture.failure;
}
