/* pty.c: the prompt in a real terminal: typing, Ctrl-C in every kind of loop, history, completion.
 */
#include "tests/shell/stopping.h"

static void shows_values(void **state) {
  (void)state;
  terminal *t = start();
  ask(t, "40 + 2", "42");
  ask(t, "local hidden = 20", "");
  ask(t, "hidden * 3", "60");
  ask(t, "hidden * 4;", "");
  ask(t, "_ + 1", "61");
  assert_int_equal(leave(t, CTRL_D), 0);
}

static void takes_several_lines(void **state) {
  (void)state;
  terminal *t = start();
  enter(t, "for i = 1, 3 do");
  enter(t, "print('row ' .. i)");
  ask(t, "end", "row 1\r\nrow 2\r\nrow 3");
  ask(t, "x = = 1", "input 2:1: unexpected symbol near '='");
  ask(t, "5 * 5", "25");
  assert_int_equal(leave(t, "quit\r"), 0);
}

static void takes_a_paste(void **state) {
  (void)state;
  terminal *t = start();
  type(t, "\033[200~function pasted()\n\treturn 'a' .. 'b'\nend\033[201~\r");
  expect(t, "gpt> ");
  ask(t, "pasted()", "ab");
  assert_int_equal(leave(t, CTRL_D), 0);
}

static void stops_a_loop(void **state) {
  (void)state;
  terminal *t = start_loop();
  stop(t, "while true do end");
  assert_int_equal(leave(t, CTRL_D), 0);
}

static void stops_a_coroutine(void **state) {
  (void)state;
  terminal *t = start_loop();
  stop(t, "coroutine.wrap(function() while true do end end)()");
  stop(t, "local c = coroutine.create(function() while true do coroutine.yield() end end) "
          "while true do coroutine.resume(c) end");
  stop(t, "coroutine.wrap(function() coroutine.wrap(function() while true do end end)() end)()");
  assert_int_equal(leave(t, CTRL_D), 0);
}

static void stops_a_pcall_loop(void **state) {
  (void)state;
  terminal *t = start_loop();
  stop(t, "while true do pcall(function() while true do end end) end");
  stop(t, "while true do pcall(error) end");
  stop(t, "while true do coroutine.resume(coroutine.create(function() while true do end end)) end");
  assert_int_equal(leave(t, CTRL_D), 0);
}

static void stops_a_sort_with_comparator(void **state) {
  (void)state;
  terminal *t = start_loop();
  stop(t, "local t = {} for i = 1, 1e5 do t[i] = i end "
          "while true do table.sort(t, function(a, b) return a < b end) end");
  assert_int_equal(leave(t, CTRL_D), 0);
}

static void stops_functions_of_lua_itself(void **state) {
  (void)state;
  terminal *t = start_loop();
  stop(t, "string.find(('a'):rep(40), ('a?'):rep(40) .. ('a'):rep(41))");
  stop(t, "pcall(string.match, ('a'):rep(5000), ('.-'):rep(20) .. 'b')");
  stop(t, "for w in ('a'):rep(5000):gmatch(('.-'):rep(20) .. 'b') do end");
  stop(t, "local s = ('a'):rep(5000):gsub(('.-'):rep(20) .. 'b', '')");
  stop(t, "while true do pcall(string.rep, 'x', 4e8) end");
  ask(t, "list = {} for i = 1, 6e6 do list[i] = i * 7919 % 6000011 end", "");
  stop(t, "while true do table.sort(list) end");
  ask(t, "n = 0 for i = 1, #list do n = n + list[i] end", "");
  ask(t, "n", "18000003435490"); /* none is lost */
  stop(t, "while true do table.concat(list, ' ') end");
  stop(t, "table.move({}, 1, 1e12, 2)");
  ask(t, "function long(n) return setmetatable({}, {__len = function() return n end}) end", "");
  stop(t, "table.insert(long(1 << 60), 1, 5)");
  stop(t, "table.remove(long(1 << 60), 1)");
  stop(t, "table.sort(long((1 << 31) - 2), pcall)"); /* a comparator in C: always false */
  stop(t, "s = table.concat(setmetatable({}, {__index = type}), '', 1, 1 << 60)");
  assert_int_equal(leave(t, CTRL_D), 0);
}

static void stops_native_work(void **state) {
  (void)state;
  terminal *t = start_loop();
  ask(t, "big = torch.randn(3000, 3000);", "");
  stop(t, "while true do big:matmul(big) end");
  stop(t, "for i = 1, 1e9 do pcall(function() big:matmul(big) end) end");
  assert_int_equal(leave(t, CTRL_D), 0);
}

static void an_optimizer_step_is_whole_or_not_at_all(void **state) {
  (void)state;
  terminal *t = start_loop();
  ask(t, "p = nn.Parameter(torch.randn(64, 64)) q = nn.Parameter(torch.randn(4000, 4000))", "");
  ask(t, "o = optim.Muon{p, q} p.grad = torch.randn(64, 64) q.grad = torch.randn(4000, 4000)", "");
  ask(t, "before = {p:detach():clone(), q:detach():clone()}", "");
  stop(t, "o:step()");
  ask(t, "torch.equal(p, before[1]) and torch.equal(q, before[2]) and 'un' .. 'touched'",
      "untouched");
  assert_int_equal(leave(t, CTRL_D), 0);
}

/* Waits until the program sleeps in the kernel: only then does a read have a signal to break. */
static void wait_asleep(const terminal *t) {
  char path[64], status = 0;
  snprintf(path, sizeof path, "/proc/%d/stat", (int)t->pid);
  for (double end = now_ms() + SOON; status != 'S' && now_ms() < end;) {
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%*d %*s %c", &status), 1);
    fclose(f);
  }
  assert_int_equal(status, 'S');
}

static void stops_a_read(void **state) {
  (void)state;
  terminal *t = start_loop();
  type(t, "print('go' .. 'ing') io.read('a') while true do end\r");
  expect(t, "going\r\n");
  wait_asleep(t);
  type(t, CTRL_C);
  expect(t, "interrupted");
  expect(t, "gpt> ");
  ask(t, "kept", "77");
  assert_int_equal(leave(t, CTRL_D), 0);
}

static void drops_what_was_typed(void **state) {
  (void)state;
  terminal *t = start();
  type(t, "error('never run')");
  expect(t, "run')");
  type(t, CTRL_C);
  expect(t, "^C\r\n");
  expect(t, "gpt> ");
  enter(t, "for i = 1, 3 do");
  type(t, CTRL_C);
  expect(t, "gpt> ");
  ask(t, "6 * 7", "42");
  type(t, "\022xyz"); /* a half-done reverse search */
  expect(t, "search)");
  type(t, CTRL_C);
  expect(t, "gpt> ");
  ask(t, "6 * 8", "48");
  type(t, "error('never run')");
  expect(t, "run')");
  ask(t, CTRL_C "6 * 9", "54"); /* keys that are there already when Ctrl-C is seen */
  assert_int_equal(leave(t, CTRL_D), 0);
}

/* The terminal drops what was typed and not yet read when it sees Ctrl-C, so that a key the editor
 * was told of may be gone when it reads. */
static void comes_back_from_keys_that_are_dropped(void **state) {
  (void)state;
  terminal *t = start();
  static const char *const keys[] = {"trap.x\t\t", "\033[200~a paste that never ends"};
  for (int round = 0; round < 400; round++) {
    type(t, keys[round % 2]);
    /* Any key may be the one that is lost: Ctrl-C comes a little later every time. */
    for (double end = now_ms() + (round % 100) * 2e-3; now_ms() < end;) continue;
    type(t, CTRL_C);
    expect(t, "gpt> ");
  }
  ask(t, "6 * 9", "54");
  assert_int_equal(leave(t, CTRL_D), 0);
}

static void remembers_inputs(void **state) {
  (void)state;
  terminal *t = start();
  ask(t, "first_thing = 1", "");
  enter(t, "function remembered()");
  type(t, "return 'from ' .. 'history' end\r");
  expect(t, "gpt> ");
  assert_int_equal(leave(t, CTRL_D), 0);
  char path[128];
  struct stat info;
  snprintf(path, sizeof path, "%s/gptsh/history", folder);
  assert_int_equal(stat(path, &info), 0);
  assert_int_equal(info.st_mode & 0777, 0600);
  t = start();
  type(t, "\033[A"); /* the whole function comes back as one entry */
  expect(t, "from ");
  type(t, "\r");
  expect(t, "gpt> ");
  ask(t, "remembered()", "from history");
  assert_int_equal(leave(t, CTRL_D), 0);
}

static void completes_names(void **state) {
  (void)state;
  terminal *t = start();
  type(t, "string.forma\t");
  expect(t, "string.format(");
  ask(t, "'<%d>', 5)", "<5>");
  ask(t, "local my_table = {long_field = {inner_name = 8}}", "");
  type(t, "my_ta\t.lon\t.inn\t + 1\r");
  expect(t, "inner_name + 1\r\n");
  expect(t, "9");
  expect(t, "gpt> ");
  ask(t, "trap = setmetatable({}, {__index = function() error('completion ran code') end})", "");
  type(t, "trap.x\t\t");
  expect(t, "trap.x\a");
  expect(t, "\a"); /* both keys were read: a Ctrl-C makes the terminal drop what was not */
  type(t, CTRL_C);
  expect(t, "gpt> ");
  ask(t, "7 * 7", "49");
  assert_int_equal(leave(t, CTRL_D), 0);
}

static void edits_several_lines(void **state) {
  (void)state;
  terminal *t = start();
  type(t, "function shaped(a)\r");
  expect(t, "\r  "); /* indented */
  type(t, "if a then\r");
  expect(t, "\r    ");
  type(t, "return {\r");
  expect(t, "\r      ");
  type(t, "a}\r");
  expect(t, "\r    ");
  type(t, "end\r"); /* moves out */
  expect(t, "\r  ");
  type(t, "end\r");
  expect(t, "gpt> ");
  ask(t, "1", "1");
  type(t, "%history\r");
  expect(t,
         "   1  function shaped(a)\r\n        if a then\r\n          return {\r\n            a}\r\n"
         "        end\r\n      end\r\n   2  1\r\n");
  expect(t, "gpt> ");
  type(t, "function shap"); /* Up looks for what begins so, and moves through its lines */
  expect(t, "shap");
  type(t, "\033[A");
  expect(t, "end");
  type(t, "\033[B\033[B\033[B\005, 2"); /* into the line of the table, to its end */
  expect(t, ", 2");
  type(t, "\033[A\001\013  return {7, "); /* the line above, whole */
  expect(t, "{7, ");
  type(t, "\r");
  expect(t, "gpt> ");
  type(t, "%history\r");
  expect(t, "   4  function shaped(a)\r\n        if a then\r\n  ");
  expect(t, "return {7, \r\n            a}, 2\r\n        end\r\n      end\r\n");
  expect(t, "gpt> ");
  ask(t, "4 * 11", "44");
  assert_int_equal(leave(t, CTRL_D), 0);
}

static void searches_by_prefix(void **state) {
  (void)state;
  terminal *t = start();
  ask(t, "alpha = 5 + 1", "");
  ask(t, "alpine = 10 + 10", "");
  ask(t, "beta = 3", "");
  type(t, "al\033[A");
  expect(t, "ine = 10 + 10");
  type(t, "\033[A");
  expect(t, "ha = 5 + 1");
  ask(t, "\005 + 100; alpha", "106");
  assert_int_equal(leave(t, CTRL_D), 0);
}

static void completes_keys_and_files(void **state) {
  (void)state;
  terminal *t = start();
  type(t, "nn.Linear(4, 8, {bi\t");
  expect(t, "bias = ");
  ask(t, "false})", "bias=False");
  type(t, "torch.arange(4):sum({ke\t");
  expect(t, "keepdim = ");
  ask(t, "true, dim = 0})", "tensor([6])");
  type(t, "GPT{norm = \"la\t");
  expect(t, "layer\"");
  ask(t, ", n_layers = 1, hidden_dim = 8, n_heads = 2}.config.norm", "layer");
  type(t, "tokenizer.train('x', {vocab_\t");
  expect(t, "vocab_size = ");
  ask(t, "256, progress = false}).vocab_size", "256");
  type(t, "%timei\t");
  expect(t, "timeit");
  ask(t, " -n 1 -r 1 1", "1 loop each");
  type(t, "#io.open('tests/shell/pt\t");
  expect(t, "pty.c");
  ask(t, "'):read('a') > 1000", "true");
  assert_int_equal(leave(t, CTRL_D), 0);
}

static void brings_an_input_back(void **state) {
  (void)state;
  terminal *t = start();
  ask(t, "recalled = 20 + 1", "");
  type(t, "%recall\r");
  expect(t, "gpt> recalled = 20 + 1");
  ask(t, "; recalled", "21");
  assert_int_equal(leave(t, CTRL_D), 0);
  t = start_command("VISUAL=\"sed -i s/21/22/\" exec \"$GPTSH\"");
  ask(t, "edited = 21 * 2", "");
  type(t, "%edit\r");
  expect(t, "gpt> edited = 22 * 2");
  ask(t, "; edited", "44");
  assert_int_equal(leave(t, CTRL_D), 0);
}

static void pauses_training(void **state) {
  (void)state;
  terminal *t = start_loop();
  ask(t,
      "model = GPT{hidden_dim = 32, n_layers = 2, n_heads = 2, vocab_size = 256, sequence_len = 16}",
      "");
  ask(t, "model:init_weights();", "");
  ask(t,
      "run = train.new{model = model, data = data.demo(), B = 2, steps = 1000000, progress = false};",
      "");
  ask(t, "run.on_step = function(t) if t.step_count % 3 == 0 then print('st' .. 'ep') end end", "");
  for (int round = 0; round < 2; round++) {
    type(t, round == 0 ? "run:run()\r" : "run:resume()\r");
    expect(t, "step\r\n");
    double began = cpu_ms(t);
    type(t, CTRL_C);
    expect(t, "interrupted");
    expect(t, "paused at step ");
    expect(t, "; run:resume() continues\r\n");
    expect(t, "gpt (paused ");
    prompt_came(t, began);
    type(t, "kept\r");
    expect(t, "77");
    expect(t, ")> ");
  }
  type(t, "print('on' .. 'ce') while true do end\r");
  expect(t, "once");
  size_t from = t->mark;
  type(t, CTRL_C);
  expect(t, "gpt (paused ");
  assert_null(memmem(t->seen + from, t->mark - from, "paused at step", strlen("paused at step")));
  type(t, "run:run(1)\r");
  expect(t, "gpt> ");
  assert_int_equal(leave(t, CTRL_D), 0);
}

/* Of CPU time.  The promise is 20 ms; slow machines and sanitizers get more. */
#define FIRST_PROMPT (20 * SLACK)

/* The editor reads the end of the history only. */
static void a_long_history_costs_nothing(void **state) {
  (void)state;
  char path[128];
  snprintf(path, sizeof path, "%s/long-history", folder);
  FILE *f = fopen(path, "w");
  assert_non_null(f);
  for (int i = 0; i < 200000; i++)
    fprintf(f, "#%d\nprint('an input of some length, number %d')\n  or nil\n", 1700000000 + i, i);
  fclose(f);
  char command[256];
  snprintf(command, sizeof command, "GPTSH_HISTORY=%s exec \"$GPTSH\"", path);
  terminal *t = start_command(command);
  double took = cpu_ms(t);
  print_message("# first prompt after %.0f ms of CPU time with a history of 13 MB\n", took);
  assert_true(took <= FIRST_PROMPT);
  type(t, "\033[A");
  expect(t, "number 199999')");
  expect(t, "or nil");
  type(t, CTRL_C);
  expect(t, "gpt> ");
  assert_int_equal(leave(t, CTRL_D), 0);
}

static void two_sessions_keep_both_histories(void **state) {
  (void)state;
  terminal *one = start();
  terminal *two = start();
  ask(one, "from_one = 1", "");
  ask(two, "from_two = 2", "");
  ask(one, "from_one = 3", "");
  assert_int_equal(leave(one, CTRL_D), 0);
  assert_int_equal(leave(two, CTRL_D), 0);
  terminal *t = start();
  type(t, "%history -g from_\r");
  expect(t, "from_one = 1");
  expect(t, "from_two = 2");
  expect(t, "from_one = 3");
  expect(t, "gpt> ");
  assert_int_equal(leave(t, CTRL_D), 0);
}

static void a_history_that_is_no_file_is_left_alone(void **state) {
  (void)state;
  terminal *t = start_command("GPTSH_HISTORY=/tmp exec \"$GPTSH\"");
  ask(t, "70 + 1", "71");
  assert_int_equal(leave(t, CTRL_D), 0);
  t = start_command("GPTSH_HISTORY=/dev/null/at/all exec \"$GPTSH\"");
  ask(t, "70 + 2", "72");
  assert_int_equal(leave(t, CTRL_D), 0);
}

static void runs_the_last_session_again(void **state) {
  (void)state;
  char command[128];
  snprintf(command, sizeof command, "XDG_STATE_HOME=%s/again exec \"$GPTSH\"", folder);
  terminal *t = start_command(command);
  ask(t, "local first = 20", "");
  ask(t, "first + nil", "attempt to perform arithmetic");
  ask(t, "%pwd", "/");
  ask(t, "second = first * 2 + 1", "");
  kill_session(t); /* whatever happens to it */
  snprintf(command, sizeof command, "XDG_STATE_HOME=%s/again exec \"$GPTSH\" --resume", folder);
  t = start_until(command, "[y/N] ");
  type(t, "y\r");
  expect(t, "gpt> local first = 20\r\n");
  expect(t, "gpt> second = first * 2 + 1\r\n");
  expect(t, "gpt> ");
  ask(t, "second", "41");
  assert_int_equal(leave(t, CTRL_D), 0);
  t = start_until(command, ": 3 inputs, 3 to run again"); /* what ran again is a session too */
  expect(t, "[y/N] ");
  type(t, "n\r");
  expect(t, "gpt> ");
  ask(t, "second == nil and 'not' .. ' run'", "not run");
  assert_int_equal(leave(t, CTRL_D), 0);
}

static void takes_a_copied_transcript(void **state) {
  (void)state;
  terminal *t = start();
  type(t, "\033[200~gpt> copied = 5\ngpt> for i = 1, 2 do\n  copied = copied + i\nend\n"
          "gpt> copied\n8\n\033[201~\r");
  expect(t, "\r8\r\n");
  expect(t, "gpt> ");
  ask(t, "copied + 1", "9");
  assert_int_equal(leave(t, CTRL_D), 0);
}

static void dies_of_a_termination(void **state) {
  static const int numbers[] = {SIGTERM, SIGHUP};
  (void)state;
  for (int i = 0; i < 2; i++) {
    terminal *t = start();
    ask(t, i == 0 ? "'te' .. 'rm'" : "'hang' .. 'up'", i == 0 ? "term" : "hangup");
    type(t, "half a li");
    expect(t, "half a li");
    kill(t->pid, numbers[i]);
    assert_int_equal(leave(t, ""), 128 + numbers[i]);
    t = start();
    type(t, "\033[A"); /* the history has what ran */
    expect(t, i == 0 ? "'te' .. 'rm'" : "'hang' .. 'up'");
    type(t, CTRL_C);
    expect(t, "gpt> ");
    assert_int_equal(leave(t, CTRL_D), 0);
  }
  terminal *t = start_command("trap '' HUP; exec \"$GPTSH\"");
  kill(t->pid, SIGHUP); /* ignored, as nohup wants it */
  ask(t, "60 + 3", "63");
  assert_int_equal(leave(t, CTRL_D), 0);
}

static void continues_after_a_stop(void **state) {
  (void)state;
  terminal *t = start_command("set -m; \"$GPTSH\"; echo sto''pped; fg; exit $?");
  type(t, "12 *");
  expect(t, "12 *");
  type(t, CTRL_Z);
  expect(t, "stopped");
  ask(t, " 12", "144");
  assert_int_equal(leave(t, CTRL_D), 0);
}

static void a_finalizer_can_be_stopped(void **state) {
  (void)state;
  terminal *t = start();
  ask(t, "setmetatable({}, {__gc = function() print('be' .. 'gun') while true do end end});", "");
  enter(t, "collectgarbage() collectgarbage()");
  expect(t, "begun\r\n");
  type(t, CTRL_C);
  expect(t, "interrupted\r\n");
  expect(t, "gpt> ");
  ask(t, "40 + 2", "42");
  assert_int_equal(leave(t, CTRL_D), 0);
}

int main(void) {
  signal(SIGPIPE, SIG_IGN);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(shows_values, end_session),
      cmocka_unit_test_teardown(takes_several_lines, end_session),
      cmocka_unit_test_teardown(takes_a_paste, end_session),
      cmocka_unit_test_teardown(stops_a_loop, end_session),
      cmocka_unit_test_teardown(stops_a_coroutine, end_session),
      cmocka_unit_test_teardown(stops_a_pcall_loop, end_session),
      cmocka_unit_test_teardown(stops_a_sort_with_comparator, end_session),
      cmocka_unit_test_teardown(stops_functions_of_lua_itself, end_session),
      cmocka_unit_test_teardown(stops_native_work, end_session),
      cmocka_unit_test_teardown(an_optimizer_step_is_whole_or_not_at_all, end_session),
      cmocka_unit_test_teardown(stops_a_read, end_session),
      cmocka_unit_test_teardown(drops_what_was_typed, end_session),
      cmocka_unit_test_teardown(comes_back_from_keys_that_are_dropped, end_session),
      cmocka_unit_test_teardown(remembers_inputs, end_session),
      cmocka_unit_test_teardown(completes_names, end_session),
      cmocka_unit_test_teardown(edits_several_lines, end_session),
      cmocka_unit_test_teardown(searches_by_prefix, end_session),
      cmocka_unit_test_teardown(completes_keys_and_files, end_session),
      cmocka_unit_test_teardown(brings_an_input_back, end_session),
      cmocka_unit_test_teardown(pauses_training, end_session),
      cmocka_unit_test_teardown(a_long_history_costs_nothing, end_session),
      cmocka_unit_test_teardown(two_sessions_keep_both_histories, end_session),
      cmocka_unit_test_teardown(a_history_that_is_no_file_is_left_alone, end_session),
      cmocka_unit_test_teardown(runs_the_last_session_again, end_session),
      cmocka_unit_test_teardown(takes_a_copied_transcript, end_session),
      cmocka_unit_test_teardown(dies_of_a_termination, end_session),
      cmocka_unit_test_teardown(a_finalizer_can_be_stopped, end_session),
      cmocka_unit_test_teardown(continues_after_a_stop, end_session),
  };
  return cmocka_run_group_tests_name("the prompt", tests, make_folder, remove_folder);
}
