/* faults.c: the prompt in a real terminal when something is wrong: code that hangs in places where
 * no Lua runs, a terminal that is dumb, narrow or gone, a history and a home that are not as they
 * should be, signals while a model trains. */
#include "tests/shell/stopping.h"

#include <stdbool.h>
#include <sys/ioctl.h>

/* ---- Ctrl-C ---- */

static void stops_require(void **state) {
  char path[64];
  (void)state;
  snprintf(path, sizeof path, "%s/endless.lua", folder);
  FILE *f = fopen(path, "w");
  assert_non_null(f);
  fputs("while true do pcall(string.rep, 'x') end", f);
  assert_int_equal(fclose(f), 0);
  terminal *t = start_loop();
  ask(t, "package.path = os.getenv 'TEST_FOLDER' .. '/?.lua'", "");
  stop(t, "require 'endless'");
  assert_int_equal(leave(t, CTRL_D), 0);
}

static void stops_a_plot(void **state) {
  (void)state;
  terminal *t = start_with_sleeping_gnuplot();
  ask(t, "kept = 70 + 7", "");
  stop(t, "plot{{1, 2, 3}, save = '/tmp/never.svg'}");
  ask(t, "sh 'ps -o args= --ppid $PPID | grep -c \"[s]leep\"'", "\"0\"");
  assert_int_equal(leave(t, CTRL_D), 0);
}

static void stops_a_program(void **state) {
  (void)state;
  terminal *t = start_loop();
  stop(t, "sh 'sleep 1000'");
  assert_int_equal(leave(t, CTRL_D), 0);
}

/* Single calls that take seconds each. */
static void stops_long_calls(void **state) {
  (void)state;
  terminal *t = start_loop();
  ask(t, "line = torch.rand(2e7); text = ('x = 1 '):rep(2e7)", "");
  stop(t, "line:sort()");
  stop(t, "line:cumsum(0):cumsum(0):cumsum(0):cumsum(0):cumsum(0):cumsum(0)");
  stop(t, "torch.randperm(3e7)");
  stop(t, "load(text)");
  stop(t, "json.decode('[' .. ('1,'):rep(3e7) .. '1]')");
  stop(t, "for i = 1, 100 do text:upper():reverse() end");
  stop(t,
       "text:find(('x'):rep(1e4) .. 'y', 1, true) while true do text:find('no such', 1, true) end");
  ask(t, "torch.set_printoptions{profile = 'full'}", "");
  stop(t, "tostring(line)");
  assert_int_equal(leave(t, CTRL_D), 0);
}

/* ---- pasting ---- */

static void a_paste_is_one_entry_of_the_history(void **state) {
  (void)state;
  char text[2048] = "\033[200~function pasted(n)\n\tlocal sum = 0\n";
  for (int i = 0; i < 36; i++)
    snprintf(text + strlen(text), sizeof text - strlen(text), "\tsum = sum + %d * n\n", i);
  strcat(text, "\treturn sum\nend\033[201~");
  terminal *t = start();
  type(t, text);
  type(t, "\r");
  expect(t, "gpt> ");
  ask(t, "pasted(2)", "1260");
  ask(t, "other = 1", "");
  assert_int_equal(leave(t, CTRL_D), 0);
  t = start();
  type(t, "\033[A\033[A\033[A"); /* other, the call, the function */
  expect(t, "return sum");
  type(t, "\005\r");
  expect(t, "gpt> ");
  ask(t, "pasted(1) + 1", "631");
  ask(t, "require('shell.inputs').list[1]:gsub('[^\\t]', ''):len()", "38"); /* the tabs are there */
  assert_int_equal(leave(t, CTRL_D), 0);
}

/* ---- terminals ---- */

/* Makes the trainer t whose folder is "run-NAME". */
static void prepare(terminal *t, const char *name) {
  char input[256];
  ask(t, "package.path = 'tests/?.lua;' .. package.path; S = require 'train.support'", "");
  ask(t, "o = {steps = 1000000, progress = true, live = true}", "");
  snprintf(input, sizeof input, "o.folder = os.getenv 'TEST_FOLDER' .. '/run-%s'", name);
  ask(t, input, "");
  ask(t, "t = S.trainer(o)", "");
}

static void a_dumb_terminal_gets_no_escapes(void **state) {
  (void)state;
  terminal *t = start_command("TERM=dumb exec \"$GPTSH\"");
  ask(t, "1 + 1", "2");
  prepare(t, "dumb");
  ask(t, "t:run(30);", "");
  ask(t, "plot{{1, 5, 2}}", "");
  ask(t, "x = = 1", "unexpected symbol");
  assert_null(memchr(t->seen, '\033', t->count));
  assert_int_equal(leave(t, CTRL_D), 0);
}

static void no_colours_where_none_are_wanted(void **state) {
  (void)state;
  static const char *const starts[] = {"NO_COLOR=1 exec \"$GPTSH\"",
                                       "exec \"$GPTSH\" --color=never", "exec \"$GPTSH\""};
  for (int i = 0; i < 3; i++) {
    terminal *t = start_command(starts[i]);
    ask(t, "plot{{1, 5, 2}}", "");
    bool coloured = memmem(t->seen, t->count, "\033[3", 3) != NULL;
    assert_int_equal(coloured, i == 2);
    assert_int_equal(leave(t, CTRL_D), 0);
  }
}

/* Lines of output stay within a narrow window. */
static void width_40(void **state) {
  (void)state;
  terminal *t = start();
  struct winsize size = {.ws_row = 24, .ws_col = 40};
  assert_int_equal(ioctl(t->fd, TIOCSWINSZ, &size), 0);
  ask(t, "require('native.terminal').size(1)", "40\t24");
  size_t from = t->count;
  ask(t, "plot{{1, 5, 2}, title = 'narrow'}", "narrow");
  int cells = 0;
  for (size_t i = from; i < t->count; i++) {
    unsigned char c = (unsigned char)t->seen[i];
    if (c == '\033')
      while (i < t->count && !strchr("mKJA", t->seen[i])) i++;
    else if (c == '\n' || c == '\r')
      cells = 0;
    else
      cells += (c & 0xc0) != 0x80;
    assert_in_range(cells, 0, 40);
  }
  ask(t, "123456789 + 123456789 + 123456789 + 123456789", "493827156"); /* wraps while typed */
  assert_int_equal(leave(t, CTRL_D), 0);
}

/* ---- history and home ---- */

static void survives_histories_of_every_kind(void **state) {
  (void)state;
  static const char *const commands[] = {
      "mkfifo $TEST_FOLDER/fifo; GPTSH_HISTORY=$TEST_FOLDER/fifo exec \"$GPTSH\"",
      "mkdir $TEST_FOLDER/folder; GPTSH_HISTORY=$TEST_FOLDER/folder exec \"$GPTSH\"",
      "printf 'a\\0b = 1\\n\\0' >$TEST_FOLDER/nul; GPTSH_HISTORY=$TEST_FOLDER/nul exec \"$GPTSH\"",
      "ln -s /dev/full $TEST_FOLDER/link; GPTSH_HISTORY=$TEST_FOLDER/link exec \"$GPTSH\"",
      "unset XDG_STATE_HOME; HOME=/proc exec \"$GPTSH\"", /* nothing can be made there */
      "unset XDG_STATE_HOME HOME; exec \"$GPTSH\"",
  };
  for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
    terminal *t = start_command(commands[i]);
    ask(t, "70 + 1", "71");
    assert_int_equal(leave(t, CTRL_D), 0);
  }
  char path[128];
  struct stat info;
  snprintf(path, sizeof path, "%s/nul", folder);
  assert_int_equal(stat(path, &info), 0);
  assert_int_equal(info.st_mode & 0777, 0600); /* it was for all to read */
}

static void a_huge_history_is_cut_at_the_end(void **state) {
  (void)state;
  char path[128], command[256], entry[128];
  struct stat info;
  snprintf(path, sizeof path, "%s/huge", folder);
  FILE *f = fopen(path, "w");
  assert_non_null(f);
  for (int i = 0; i < 1000000; i++) {
    int n = snprintf(entry, sizeof entry, "#%d\nprint('%070d')\n", 1700000000 + i, i);
    assert_int_equal(fwrite(entry, 1, (size_t)n, f), (size_t)n);
  }
  assert_int_equal(fclose(f), 0);
  assert_int_equal(stat(path, &info), 0);
  assert_true(info.st_size > 90000000);
  snprintf(command, sizeof command, "GPTSH_HISTORY=%s exec \"$GPTSH\"", path);
  terminal *t = start_command(command);
  ask(t, "'ne' .. 'west'", "newest");
  type(t, "\033[A\033[A");
  expect(t, "000999999')");
  type(t, CTRL_C);
  expect(t, "gpt> ");
  assert_int_equal(leave(t, CTRL_D), 0);
  assert_int_equal(stat(path, &info), 0);
  assert_in_range(info.st_size, 100000, 2000000);
  t = start_command(command);
  type(t, "\033[A");
  expect(t, "'west'");
  type(t, CTRL_C);
  expect(t, "gpt> ");
  assert_int_equal(leave(t, CTRL_D), 0);
}

/* ---- ends ---- */

static bool has_checkpoint(const char *name) {
  char command[256];
  snprintf(command, sizeof command, "ls -d %s/run-%s/step-* >/dev/null 2>&1", folder, name);
  return system(command) == 0;
}

static void a_hangup_saves_the_run(void **state) {
  (void)state;
  terminal *t = start();
  prepare(t, "hangup");
  type(t, "t:run()\r");
  expect(t, "train 3");
  assert_int_equal(kill(t->pid, SIGHUP), 0);
  assert_int_equal(leave(t, ""), 128 + SIGHUP);
  assert_true(has_checkpoint("hangup"));
}

static void a_window_that_is_closed_ends_it(void **state) {
  (void)state;
  terminal *t = start();
  type(t, "half a li");
  expect(t, "half a li");
  assert_int_equal(close_window(t), 128 + SIGHUP);
  t = start();
  prepare(t, "closed");
  type(t, "t:run()\r");
  expect(t, "train 3");
  assert_int_equal(close_window(t), 128 + SIGHUP);
  assert_true(has_checkpoint("closed"));
  t = start();
  type(t, "print('go' .. 'ing') while true do print(1) end\r");
  expect(t, "going");
  assert_int_equal(close_window(t), 128 + SIGHUP);
}

int main(void) {
  signal(SIGPIPE, SIG_IGN);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(stops_require, end_session),
      cmocka_unit_test_teardown(stops_a_plot, end_session),
      cmocka_unit_test_teardown(stops_a_program, end_session),
      cmocka_unit_test_teardown(stops_long_calls, end_session),
      cmocka_unit_test_teardown(a_paste_is_one_entry_of_the_history, end_session),
      cmocka_unit_test_teardown(a_dumb_terminal_gets_no_escapes, end_session),
      cmocka_unit_test_teardown(no_colours_where_none_are_wanted, end_session),
      cmocka_unit_test_teardown(width_40, end_session),
      cmocka_unit_test_teardown(survives_histories_of_every_kind, end_session),
      cmocka_unit_test_teardown(a_huge_history_is_cut_at_the_end, end_session),
      cmocka_unit_test_teardown(a_hangup_saves_the_run, end_session),
      cmocka_unit_test_teardown(a_window_that_is_closed_ends_it, end_session),
  };
  return cmocka_run_group_tests_name("faults at the prompt", tests, make_folder, remove_folder);
}
