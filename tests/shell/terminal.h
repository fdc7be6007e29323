/* terminal.h: a session of gptsh in a real terminal, for tests of the prompt: typing, waiting for
 * what it shows, leaving. */
#ifndef TEST_TERMINAL_H
#define TEST_TERMINAL_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define CTRL_C "\003"
#define CTRL_D "\004"
#define CTRL_Z "\032"
/* Patience for things that must happen, on a machine that is busy with other things. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SOON 200000
#else
#define SOON 20000
#endif

typedef struct terminal {
  int fd;
  pid_t pid;
  char seen[1 << 18];
  size_t count, mark; /* bytes seen; end of the last match */
} terminal;

static terminal *running; /* for the teardown of a failed test */
static char folder[] = "/tmp/gptsh-pty.XXXXXX";

static double now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void fail_with(const terminal *t, const char *wanted) {
  print_message("# expected \"%s\"; the terminal showed:\n", wanted);
  for (size_t i = t->mark; i < t->count; i++) {
    char c = t->seen[i];
    if (c == '\n')
      print_message("\n# ");
    else if (c >= ' ')
      print_message("%c", c);
    else
      print_message("<%02x>", (unsigned char)c);
  }
  print_message("\n");
  fail();
}

/* Waits until `text` appears after the last match. */
static void expect_in(terminal *t, const char *text, double limit_ms) {
  double end = now_ms() + limit_ms;
  for (;;) {
    const char *at = t->count > t->mark
                         ? memmem(t->seen + t->mark, t->count - t->mark, text, strlen(text))
                         : NULL;
    if (at) {
      t->mark = (size_t)(at - t->seen) + strlen(text);
      return;
    }
    struct pollfd p = {.fd = t->fd, .events = POLLIN};
    double left = end - now_ms();
    if (left <= 0 || t->count == sizeof t->seen || poll(&p, 1, (int)left + 1) <= 0) break;
    ssize_t n = read(t->fd, t->seen + t->count, sizeof t->seen - t->count);
    if (n <= 0) break;
    t->count += (size_t)n;
  }
  fail_with(t, text);
}

static void expect(terminal *t, const char *text) { expect_in(t, text, SOON); }

static void type(terminal *t, const char *text) {
  assert_int_equal(write(t->fd, text, strlen(text)), (ssize_t)strlen(text));
}

/* Types a line and waits for its end. */
static void enter(terminal *t, const char *line) {
  type(t, line);
  type(t, "\r");
  expect(t, "\r\n");
}

/* Types an input, waits for what it prints and for the next prompt.  The terminal echoes input, so
 * answers must differ from it. */
static void ask(terminal *t, const char *input, const char *answer) {
  enter(t, input);
  expect(t, answer);
  expect(t, "gpt> ");
}

/* Runs a shell command in a terminal of its own and waits for a text. */
static terminal *start_until(const char *command, const char *text) {
  terminal *t = calloc(1, sizeof *t);
  assert_non_null(t);
  running = t;
  t->pid = forkpty(&t->fd, NULL, NULL, NULL);
  assert_true(t->pid >= 0);
  if (t->pid == 0) {
    static const char *const others[] = {"TMUX",         "STY",         "NO_COLOR",
                                         "TERM_PROGRAM", "LC_TERMINAL", "KITTY_WINDOW_ID"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) unsetenv(others[i]);
    setenv("TERM", "xterm", 1);
    setenv("XDG_STATE_HOME", folder, 1);
    setenv("XDG_CONFIG_HOME", folder, 1);
    setenv("TEST_FOLDER", folder, 1);
    setenv("INPUTRC", "/dev/null", 1);
    setenv("GPTSH", "./gptsh", 0);
    execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(127);
  }
  expect(t, text);
  return t;
}

/* Puts a gnuplot that sleeps into a folder of its own. */
static inline void make_sleeping_gnuplot(void) {
  char command[512];
  snprintf(command, sizeof command,
           "mkdir -p %s/bin; rm -f %s/started; cd %s/bin; printf '#!/bin/sh\n: >%s/started; "
           "exec sleep 1000\n' >gnuplot; chmod +x gnuplot",
           folder, folder, folder, folder);
  assert_int_equal(system(command), 0);
}

/* Waits until the sleeping gnuplot runs. */
static inline void wait_for_gnuplot(void) {
  char path[64];
  snprintf(path, sizeof path, "%s/started", folder);
  for (double end = now_ms() + SOON; access(path, F_OK) != 0;) {
    assert_true(now_ms() < end);
    poll(NULL, 0, 1);
  }
  unlink(path);
}

static inline void assert_no_children(const terminal *t) {
  char path[64], children[64];
  snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)t->pid, (int)t->pid);
  FILE *f = fopen(path, "r");
  assert_non_null(f);
  assert_int_equal(fread(children, 1, sizeof children, f), 0);
  fclose(f);
}

/* The same until gptsh shows its prompt. */
static terminal *start_command(const char *command) { return start_until(command, "gpt> "); }

static inline terminal *start(void) { return start_command("exec \"$GPTSH\""); }

static inline terminal *start_with_sleeping_gnuplot(void) {
  char command[128];
  make_sleeping_gnuplot();
  snprintf(command, sizeof command, "PATH=%s/bin:$PATH exec \"$GPTSH\"", folder);
  return start_command(command);
}

/* Closes the window; the exit status of the session, which has to end by itself. */
static int close_window(terminal *t) {
  int status;
  close(t->fd);
  assert_int_equal(waitpid(t->pid, &status, 0), t->pid);
  free(t);
  running = NULL;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Ends a session whose prompt waits; its exit status. */
static int leave(terminal *t, const char *how) {
  type(t, how);
  char rest[256];
  while (read(t->fd, rest, sizeof rest) > 0) continue; /* until the terminal is closed */
  return close_window(t);
}

/* Ends a session without a word. */
static void kill_session(terminal *t) {
  kill(t->pid, SIGKILL);
  close_window(t);
}

static int end_session(void **state) {
  (void)state;
  if (running) kill_session(running);
  return 0;
}

static int make_folder(void **state) {
  (void)state;
  return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
  char command[128];
  (void)state;
  snprintf(command, sizeof command, "rm -rf %s", folder);
  return system(command);
}

#endif
