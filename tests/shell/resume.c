/* resume.c: sessions that end without being asked what to keep: signals save first, kill -9 loses
 * what came after the last safe point, gptsh --resume brings back the rest. */
#include "tests/shell/terminal.h"

#define SUPPORT "package.path = 'tests/?.lua;' .. package.path; S = require 'train.support'"
#define OFFER "or nothing [N]? "

/* Sessions of one test lie in a folder of their own. */
static terminal *start_in(const char *name, const char *options, const char *until) {
  char command[256];
  snprintf(command, sizeof command, "XDG_STATE_HOME=%s/%s exec \"$GPTSH\" %s", folder, name,
           options);
  return start_until(command, until);
}

static terminal *resume(const char *name, const char *answer) {
  terminal *t = start_in(name, "--resume", OFFER);
  type(t, answer);
  return t;
}

/* Compares the trainer with one that made as many steps without a break. */
static void ask_for_same_bits(terminal *t) {
  ask(t, SUPPORT " u = S.trainer {steps = 1000000}; u:run(t.step_count);", "");
  ask(t, "t.step_count > 2 and t:hash() == u:hash() and 'same' .. ' bits'", "same bits");
}

static void a_signal_in_training_keeps_a_trainer_without_a_folder(void **state) {
  static const int numbers[] = {SIGTERM, SIGHUP, SIGUSR1, SIGXCPU};
  (void)state;
  for (int i = 0; i < 4; i++) {
    char name[24];
    snprintf(name, sizeof name, "signal%d", i);
    terminal *t = start_in(name, "", "gpt> ");
    ask(t, SUPPORT " t = S.trainer {steps = 1000000, progress = true}", "");
    ask(t, "kept = {x = torch.ones(2), 'te' .. 'xt'} function lost() end", "");
    type(t, "t:run()\r");
    expect(t, "train 3");
    assert_int_equal(kill(t->pid, numbers[i]), 0);
    expect(t, "kept for gptsh --resume: t, kept; left out: S (");
    expect(t, "lost (a function has no form on disk)");
    assert_int_equal(leave(t, ""), 128 + numbers[i]);
    t = start_in(name, "--resume", "after input 2: kept, t; left out: ");
    expect(t, OFFER);
    type(t, "l\r");
    expect(t, "loaded: t, kept");
    expect(t, "gpt (paused "); /* the run can go on */
    enter(t, "_PROMPT = 'gpt> '");
    expect(t, "gpt> ");
    ask(t, "kept[1] .. #kept.x", "text2");
    ask_for_same_bits(t);
    assert_int_equal(leave(t, CTRL_D), 0);
  }
}

static void a_signal_at_the_prompt_keeps_what_is_there(void **state) {
  (void)state;
  terminal *t = start_in("prompt", "", "gpt> ");
  ask(t, "a, b = 40, torch.arange(3)", "");
  type(t, "half a li");
  expect(t, "half a li");
  assert_int_equal(kill(t->pid, SIGHUP), 0);
  expect(t, "kept for gptsh --resume: a, b\r\n");
  assert_int_equal(leave(t, ""), 128 + SIGHUP);
  t = resume("prompt", "l\r");
  expect(t, "loaded: a, b");
  expect(t, "gpt> ");
  ask(t, "a + b:sum():item()", "43");
  kill_session(t); /* what was loaded belongs to the next session too */
  t = start_in("prompt", "--resume", "2 inputs, 2 to run again");
  expect(t, "[y/N] ");
  type(t, "y\r");
  expect(t, "loaded: a, b");
  expect(t, "43");
  expect(t, "gpt> ");
  assert_int_equal(leave(t, CTRL_D), 0);
}

static void a_killed_session_loses_what_came_after_the_safe_point(void **state) {
  (void)state;
  terminal *t = start_in("killed", "", "gpt> ");
  ask(t, SUPPORT " t = S.trainer {steps = 1000000}; t:run(5);", "");
  char command[256];
  snprintf(command, sizeof command,
           "mkdir %s/killed/gptsh/sessions/20200101-000000-000000-999999999.state.tmp", folder);
  assert_int_equal(system(command), 0); /* left behind by a session that was killed as it wrote */
  ask(t, "%log save", "kept: t;");
  snprintf(command, sizeof command, "! ls %s/killed/gptsh/sessions | grep tmp", folder);
  assert_int_equal(system(command), 0);
  ask(t, "after = t.step_count * 11", "");
  ask(t, "t:run(3);", "");
  kill_session(t);
  t = resume("killed", "l\r"); /* fast inputs after the safe point run again */
  expect(t, "loaded: t");
  expect(t, "gpt> t:run(3);");
  expect(t, "gpt> ");
  ask(t, "after .. '-' .. t.step_count", "55-8");
  ask_for_same_bits(t);
  assert_int_equal(leave(t, CTRL_D), 0);
}

static void both_brings_back_what_only_code_can_make(void **state) {
  (void)state;
  terminal *t = start_in("both", "", "gpt> ");
  ask(t, "Own = nn.class 'Own' function Own:init() self.w = nn.Linear(2, 2) end", "");
  ask(t, "own = Own() function twice(x) return 2 * x end", "");
  ask(t,
      "torch.manual_seed(os.time()) nn.init.normal_(own.w.weight) sum = twice(own.w.weight:sum():item())",
      "");
  ask(t, "%log save", "kept: own, sum; left out: Own (");
  ask(t, "last = sum", "");
  kill_session(t);
  t = resume("both", "b\r");
  expect(t, "loaded: own, sum");
  expect(t, "gpt> last = sum");
  expect(t, "gpt> ");
  ask(t, "twice(own.w.weight:sum():item()) == last and 'the' .. ' same'", "the same");
  assert_int_equal(leave(t, CTRL_D), 0);
}

static void an_unasked_session_keeps_nothing(void **state) {
  (void)state;
  terminal *t = start_in("plain", "", "gpt> ");
  ask(t, "a = 1", "");
  assert_int_equal(leave(t, CTRL_D), 0);
  t = start_in("plain", "--resume", "1 inputs, 1 to run again");
  expect(t, "Run them? [y/N] ");
  type(t, "n\r");
  expect(t, "gpt> ");
  ask(t, "%log load /nonexistent", "cannot read '/nonexistent'");
  ask(t, "%log keep", "%log: expected nothing, save, or load FOLDER, got 'keep'");
  assert_int_equal(leave(t, CTRL_D), 0);
}

int main(void) {
  signal(SIGPIPE, SIG_IGN);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(a_signal_in_training_keeps_a_trainer_without_a_folder, end_session),
      cmocka_unit_test_teardown(a_signal_at_the_prompt_keeps_what_is_there, end_session),
      cmocka_unit_test_teardown(a_killed_session_loses_what_came_after_the_safe_point, end_session),
      cmocka_unit_test_teardown(both_brings_back_what_only_code_can_make, end_session),
      cmocka_unit_test_teardown(an_unasked_session_keeps_nothing, end_session),
  };
  return cmocka_run_group_tests_name("resuming", tests, make_folder, remove_folder);
}
