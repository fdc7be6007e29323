/* stopping.h: Ctrl-C in code that never ends: the prompt comes back at once, twice in a row, and
 * the session is as it was. */
#ifndef TEST_STOPPING_H
#define TEST_STOPPING_H

#include "tests/shell/terminal.h"

/* The promise is 200 ms.  What counts is CPU time, of all threads, so that the load of the machine
 * does not; the slack is for slow ones, and for sanitizers: a copy of 400 MB, which nothing
 * interrupts, takes some of them more than a second. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SLACK 50
#else
#define SLACK 3
#endif

/* CPU time that the program has used. */
static double cpu_ms(const terminal *t) {
  clockid_t clock;
  struct timespec used;
  assert_int_equal(clock_getcpuclockid(t->pid, &clock), 0);
  assert_int_equal(clock_gettime(clock, &used), 0);
  return (double)used.tv_sec * 1e3 + (double)used.tv_nsec / 1e6;
}

/* Fails when much CPU time has gone by since `began`, when Ctrl-C was typed. */
static void prompt_came(const terminal *t, double began) {
  double took = cpu_ms(t) - began, most = 200.0 * SLACK * (double)sysconf(_SC_NPROCESSORS_ONLN);
  if (took > most) print_message("# the prompt came back after %.0f ms of CPU time\n", took);
  assert_true(took <= most);
}

/* Types something that never ends, interrupts it and looks whether the session lives, twice. */
static void stop(terminal *t, const char *code) {
  for (int round = 0; round < 2; round++) {
    type(t, "print('go' .. 'ing') ");
    type(t, code);
    type(t, "\r");
    expect(t, "going\r\n");
    double began = cpu_ms(t);
    type(t, CTRL_C);
    expect(t, "interrupted");
    expect(t, "gpt> ");
    prompt_came(t, began);
    ask(t, "kept", "77");
    ask(t, "1 + 1", "2");
  }
}

static terminal *start_loop(void) {
  terminal *t = start();
  ask(t, "kept = 70 + 7", "");
  return t;
}

#endif
