/* train.c: training at the prompt in a real terminal: the progress line, Ctrl-C and resume, and the
 * end by a signal. */
#include "tests/shell/terminal.h"

#include <sys/ioctl.h>

/* Prepares a session whose trainer is `t`; `options` go before those of tests/train/support.lua. */
static void prepare(terminal *t, const char *options) {
  char input[512];
  ask(t, "package.path = 'tests/?.lua;' .. package.path; S = require 'train.support'", "");
  snprintf(input, sizeof input, "t = S.trainer {%s}; print('rea' .. 'dy')", options);
  ask(t, input, "ready");
}

static void resize(const terminal *t, int columns) {
  struct winsize size = {.ws_row = 24, .ws_col = (unsigned short)columns};
  assert_int_equal(ioctl(t->fd, TIOCSWINSZ, &size), 0);
}

/* The longest line between two carriage returns that begins with "train ", in characters. */
static int longest_bar(const terminal *t, size_t from) {
  int longest = 0;
  for (size_t i = from; i + 6 < t->count; i++) {
    if (t->seen[i] != '\r' || memcmp(t->seen + i + 1, "train ", 6) != 0) continue;
    int length = 0;
    for (size_t k = i + 1; k < t->count && t->seen[k] != '\r' && t->seen[k] != '\033'; k++)
      length += ((unsigned char)t->seen[k] & 0xc0) != 0x80;
    if (length > longest) longest = length;
  }
  return longest;
}

static void an_alarm_of_others_stops_nothing(void **state) {
  static const int numbers[] = {SIGALRM, SIGVTALRM, SIGPROF};
  (void)state;
  terminal *t = start();
  prepare(t, "progress = true, steps = 1000000");
  enter(t, "t:run();");
  for (int i = 0; i < 3; i++) {
    expect(t, "train ");
    assert_int_equal(kill(t->pid, numbers[i]), 0);
  }
  expect(t, "train ");
  type(t, CTRL_C);
  expect(t, "hgpt (paused ");
  kill_session(t);
}

static void one_line_is_redrawn_within_the_window(void **state) {
  (void)state;
  terminal *t = start();
  resize(t, 90);
  prepare(t, "steps = 60, progress = true, val = S.tokens(), eval_every = 20");
  size_t from = t->count;
  type(t, "t:run()\r");
  expect(t, "train ");
  expect(t, "step 20/60 loss "); /* an evaluation leaves a line */
  expect(t, "val ");
  expect(t, "train 60/60 100%|");
  expect(t, " tok/s [");
  expect(t, "]\033[K\r\n"); /* whole, though its blocks are three bytes each */
  expect(t, "gpt> ");
  int wide = longest_bar(t, from);
  assert_in_range(wide, 50, 89);
  resize(t, 40);
  ask(t, "t.steps = 90; print('go' .. 'od')", "good");
  from = t->count;
  ask(t, "t:run();", "train 90/90 100%|");
  int narrow = longest_bar(t, from);
  assert_in_range(narrow, 10, 39);
  assert_int_equal(leave(t, CTRL_D), 0);
}

static void the_loss_is_plotted_above_the_line(void **state) {
  (void)state;
  terminal *t = start();
  resize(t, 80);
  prepare(t, "steps = 400, progress = true, live = true");
  type(t, "t:run()\r");
  expect(t, "x: step, loss smoothed\r\n\rtrain ");
  expect(t, "A\033[J"); /* drawn again in place */
  expect(t, "x: step, loss smoothed\r\n\rtrain 400/400 100%|");
  expect(t, "gpt> ");
  assert_int_equal(leave(t, CTRL_D), 0);
}

static void printing_in_between_gets_a_line_of_its_own(void **state) {
  (void)state;
  terminal *t = start();
  prepare(
      t,
      "progress = true, steps = 4, on_step = function(t) print('step' .. ' ' .. t.step_count) end");
  type(t, "t:run();\r");
  expect(t, "step 1\r\n");
  expect(t, "\r\033[Kstep 2\r\n"); /* the bar is taken away first */
  expect(t, "gpt> ");
  assert_int_equal(leave(t, CTRL_D), 0);
}

/* Pseudo-random and the same every time: when Ctrl-C comes. */
static int next_delay(unsigned *seed) {
  *seed = *seed * 1664525u + 1013904223u;
  return (int)(*seed >> 16) % 40;
}

static void stopped_and_resumed_ends_with_the_same_bits(void **state) {
  (void)state;
  static const char options[] = "progress = true, steps = 600, ema = 0.9, accumulate = 2";
  char hash[64] = {0};
  terminal *t = start();
  prepare(t, options);
  ask(t, "t:run();", "600/600");
  type(t, "print('#' .. t:hash())\r");
  expect(t, "\r#");
  expect(t, "\r\n");
  memcpy(hash, t->seen + t->mark - 34, 32);
  expect(t, "gpt> ");
  prepare(t, options);
  unsigned seed = 1;
  for (int i = 0; i < 15; i++) {
    enter(t, "t:resume();");
    poll(NULL, 0, next_delay(&seed));
    type(t, CTRL_C);
    expect(t, "hgpt"); /* "gpt> ", or "gpt (paused 6/600)> " */
    expect(t, "> ");
  }
  ask(t, "t:resume(); print('#' .. t:hash())", hash);
  assert_int_equal(leave(t, CTRL_D), 0);
}

/* Starts an input that trains and stops it when it has shown a text. */
static void stop_after(terminal *t, const char *input, const char *text) {
  enter(t, input);
  expect(t, text);
  type(t, CTRL_C);
  expect(t, "hgpt (paused ");
  expect(t, "> ");
}

static void a_saved_session_makes_the_same_steps(void **state) {
  (void)state;
  char hash[33] = {0}, command[512];
  terminal *t = start();
  prepare(t, "progress = true, steps = 1000000");
  ask(t, "box = {mine = t}; t = nil", "");
  stop_after(t, "local loss = box.mine:run(); print('not' .. ' reached')", "train 3");
  enter(t, "box.mine.lr = box.mine.lr / 2");
  stop_after(t, "box.mine:resume()", "train ");
  enter(t, "u = box.mine");
  stop_after(t, "for i = 1, 1e6 do u:step() if i == 3 then print('thr' .. 'ee') end end",
             "three\r\n");
  enter(t, "%set seed 4");
  enter(t, "error 'no'");
  stop_after(t, "while u:run(9) do end", "train ");
  enter(t, "%time u:run(5)");
  expect(t, "wall ");
  enter(t, "print('#' .. u:hash())");
  expect(t, "\r#");
  expect(t, "\r\n");
  memcpy(hash, t->seen + t->mark - 34, 32);
  snprintf(command, sizeof command, "%%save %s/saved.lua", folder);
  enter(t, command);
  expect(t, "comments tell what is missing of input 4, 8, 10, 11\r\n");
  kill_session(t);
  snprintf(command, sizeof command, "\"$GPTSH\" %s/saved.lua 2>&1 | grep -q '#%s'", folder, hash);
  setenv("GPTSH", "./gptsh", 0);
  assert_int_equal(system(command), 0);
  snprintf(command, sizeof command, "grep -q \"^-- | print('not' .. ' reached')\" %s/saved.lua",
           folder);
  assert_int_equal(system(command), 0);
}

/* Data and settings that cannot be: a line each, and what was there goes on. */
static void bad_input_is_told_in_one_line(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"data.text {text = 'a\\0b'}", ": data.text: offset 1: a NUL byte: this is not text\r\n"},
      {"data.text {text = 'caf\\xe9'}",
       ": data.text: offset 3: invalid UTF-8; {utf8 = false} takes"},
      {"data.open '/dev/null'",
       ": cannot open '/dev/null': it is a device, not a regular file\r\n"},
      {"data.text {text = 'hi'}:loader {B = 4, T = 16}",
       "expected at least B * T + 1 = 65 tokens for a batch, got 2\r\n"},
      {"t.lr = 0", ": train: expected lr > 0, got 0\r\n"},
      {"t.lr = 0/0", ": train: expected lr > 0, got nan\r\n"},
      {"S.trainer {optim = {lr = -1}}", ": AdamW: lr expects a number >= 0 and finite, got -1\r\n"},
  };
  terminal *t = start();
  prepare(t, "steps = 5");
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    ask(t, cases[i][0], cases[i][1]);
    ask(t, "t:step(); print('ste' .. 'p', t.step_count, t.lr)", "step\t");
  }
  ask(t, "print('at', t.step_count, t.lr)", "at\t7\t0.01\r\n");
  assert_int_equal(leave(t, CTRL_D), 0);
}

static void asked_to_end_it_saves_and_says_so(void **state) {
  (void)state;
  char options[256], command[256];
  terminal *t = start();
  snprintf(options, sizeof options, "steps = 1000000, progress = true, folder = '%s/run'", folder);
  prepare(t, options);
  type(t, "t:run()\r");
  expect(t, "train 3");
  assert_int_equal(kill(t->pid, SIGTERM), 0);
  assert_int_equal(leave(t, ""), 128 + SIGTERM);
  snprintf(command, sizeof command, "ls -d %s/run/step-* >/dev/null", folder);
  assert_int_equal(system(command), 0);
}

static void a_pause_leaves_no_gnuplot(void **state) {
  (void)state;
  char options[256];
  terminal *t = start_with_sleeping_gnuplot();
  snprintf(options, sizeof options, "steps = 1000000, live = '%s/loss.svg', progress = true",
           folder);
  prepare(t, options);
  type(t, "t:run()\r");
  wait_for_gnuplot();
  expect(t, "train 3"); /* goes on while gnuplot sleeps */
  type(t, CTRL_C);
  expect_in(t, "t:resume() continues", 5000);
  expect(t, "gpt (paused ");
  expect(t, "> ");
  assert_no_children(t);
  type(t, "t.lr = t.lr / 2 t:resume()\r");
  wait_for_gnuplot();
  type(t, CTRL_C);
  expect(t, "t:resume() continues");
  expect(t, "> ");
  assert_no_children(t);
  assert_int_equal(leave(t, CTRL_D), 0);
}

/* Types run() and Ctrl-C after its first steps. */
static void pause_run(terminal *t) {
  type(t, "t:run()\r");
  expect(t, "train 3");
  type(t, CTRL_C);
  expect(t, "paused at step");
  expect(t, "hgpt (paused ");
  expect(t, ")> ");
}

static void leaving_a_paused_run_saves_it_or_asks(void **state) {
  (void)state;
  char options[256], command[256];
  terminal *t = start();
  prepare(t, "steps = 1000000, progress = true");
  pause_run(t);
  type(t, CTRL_D);
  expect(t, "kept for gptsh --resume: t");
  assert_int_equal(leave(t, ""), 0);
  t = start_command("GPTSH_HISTORY= exec \"$GPTSH\""); /* keeps nothing */
  prepare(t, "steps = 1000000, progress = true");
  pause_run(t);
  type(t, CTRL_D);
  expect(t, "and not saved: leave? [y/N] ");
  type(t, "\r");
  expect(t, "gpt (paused ");
  type(t, "quit\r");
  expect(t, "leave? [y/N] ");
  assert_int_equal(leave(t, "y\r"), 0);
  t = start();
  snprintf(options, sizeof options, "steps = 1000000, progress = true, folder = '%s/left'", folder);
  prepare(t, options);
  pause_run(t);
  type(t, CTRL_D);
  expect(t, "saved step ");
  assert_int_equal(leave(t, ""), 0);
  snprintf(command, sizeof command, "ls -d %s/left/step-* >/dev/null", folder);
  assert_int_equal(system(command), 0);
}

int main(void) {
  signal(SIGPIPE, SIG_IGN);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(an_alarm_of_others_stops_nothing, end_session),
      cmocka_unit_test_teardown(one_line_is_redrawn_within_the_window, end_session),
      cmocka_unit_test_teardown(the_loss_is_plotted_above_the_line, end_session),
      cmocka_unit_test_teardown(printing_in_between_gets_a_line_of_its_own, end_session),
      cmocka_unit_test_teardown(stopped_and_resumed_ends_with_the_same_bits, end_session),
      cmocka_unit_test_teardown(a_saved_session_makes_the_same_steps, end_session),
      cmocka_unit_test_teardown(a_pause_leaves_no_gnuplot, end_session),
      cmocka_unit_test_teardown(bad_input_is_told_in_one_line, end_session),
      cmocka_unit_test_teardown(asked_to_end_it_saves_and_says_so, end_session),
      cmocka_unit_test_teardown(leaving_a_paused_run_saves_it_or_asks, end_session),
  };
  return cmocka_run_group_tests_name("training at the prompt", tests, make_folder, remove_folder);
}
