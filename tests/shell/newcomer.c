/* newcomer.c: the first session of somebody who comes from PyTorch, typed into a real terminal: a
 * completion, a mistake, help, a function that is recalled and changed, training interrupted and
 * resumed, a figure, a notebook, a page.
 *
 * What the terminal showed is docs/session.md (docs/transcript.lua makes it one); a last test
 * compares it with the committed text, but for numbers.  With GPTSH_SESSION=FOLDER it is written
 * into that folder instead, with its pictures: `make session`. */
#include "tests/shell/terminal.h"

#define TAB "\t"
#define UP "\033[A"
#define DOWN "\033[B"
#define CTRL_E "\005"

static char raw_path[64];
static FILE *raw;
static size_t written; /* bytes of the terminal's output that are in the file */

/* Everything that was shown until now goes before the text. */
static void tell(const terminal *t, const char *text) {
  if (t) {
    fwrite(t->seen + written, 1, t->mark - written, raw);
    written = t->mark;
  }
  fprintf(raw, "\036%s\037", text); /* between a record and a unit separator */
}

static void ask_paused(terminal *t, const char *input) {
  enter(t, input);
  expect(t, "gpt (paused ");
  expect(t, "> ");
}

/* Waits until the progress line, "train 57/200", says so many steps, or more. */
static void wait_for_step(terminal *t, long step) {
  long shown;
  do {
    expect(t, "train ");
    size_t number = t->mark;
    expect(t, "/");
    shown = strtol(t->seen + number, NULL, 10);
  } while (shown < step);
}

static terminal *open_session(void) {
  char command[256];
  snprintf(command, sizeof command,
           "cat lua/lib/*/*.lua >%s/code.txt; PATH=${GPTSH%%/*}:$PATH; case $GPTSH in /*) ;; *) "
           "PATH=$PWD:$PATH; esac; cd %s && stty cols 92 rows 40 && exec gptsh",
           folder, folder);
  return start_command(command);
}

static void looks_around(terminal *t) {
  tell(
      t,
      "Tab completes names: the first line was typed as `x = torch.arang`, Tab, `6):reshape(2, 3)`. The value of the "
      "last expression is shown.");
  type(t, "x = torch.arang" TAB);
  expect(t, "arange(");
  ask(t, "6):reshape(2, 3)", "");
  ask(t, "x:float():softmax(-1)", "0.6652]])");
  tell(t, "A mistake, and a question about a name:");
  ask(t, "x.shpae", "did you mean 'shape'?");
  ask(t, "F.softmax?", "exp(x) / sum(exp(x)) along dim");
  tell(t, "A function. Enter continues the input while it is unfinished, and indents.");
  enter(t, "function bits(t)");
  enter(t, "return t.smooth_loss");
  ask(t, "end", "");
}

static void trains(terminal *t) {
  tell(t, "A model of bytes, and a text to learn: the Lua library of gptsh itself.");
  ask(t,
      "model = GPT{hidden_dim = 32, n_layers = 2, n_heads = 2, vocab_size = 256, sequence_len = 64}",
      "");
  ask(t, "model:init_weights()", "");
  ask(t, "f\"{model:num_params():,} parameters\"", " parameters\"\r\n");
  ask(t, "code = data.text \"code.txt\"", "");
  ask(t, "code", "vocab_size 256");
  ask(t,
      "t = train.new{model = model, data = code, B = 8, steps = 200, optim = {name = \"AdamW\", lr = 0.01}}",
      "");
  tell(
      t,
      "Ctrl-C after some steps: training pauses after its step, and the prompt says so. Half the learning rate, and on.");
  enter(t, "t:run()");
  wait_for_step(t, 20);
  type(t, CTRL_C);
  expect(t, "t:resume() continues");
  expect(t, "gpt (paused ");
  expect(t, "> ");
  ask_paused(t, "t.lr = t.lr / 2");
  ask_paused(t, "t.lr");
  ask(t, "t:resume()", "200/200");
}

static void corrects(terminal *t) {
  tell(
      t,
      "The loss is in nats. The first letters of the function and Up bring it back whole, Down moves into its "
      "second line, and its end is changed.");
  type(t, "function b" UP);
  expect(t, "end");
  type(t, DOWN CTRL_E " / math.log(2)");
  expect(t, "log(2)");
  ask(t, "", "");
  ask(t, "bits(t)", ".");
}

static void keeps(terminal *t) {
  tell(
      t,
      "A figure for the paper, its numbers and its script next to it:\n\n![loss by step](session-loss.svg)");
  ask(t, "plot.loss(t, {save = \"loss.svg\"})", "figure 1 curve, 200 points");
  tell(t, "What worked becomes a notebook, which runs on its own and becomes a page:\n\n"
          "![the page](session.png)");
  ask(t, "%save study.lua", "study.lua: ");
  ask(t, "!gptsh nb run study.lua >study.txt 2>&1", "");
  ask(t, "!gptsh nb export study.lua study.html", "study.html");
}

static void a_first_session(void **state) {
  (void)state;
  tell(NULL, "");
  terminal *t = open_session();
  looks_around(t);
  trains(t);
  corrects(t);
  keeps(t);
  tell(t, "Ctrl-D ends it.");
  assert_int_equal(fclose(raw), 0);
  assert_int_equal(leave(t, CTRL_D), 0);
}

static void its_transcript_is_in_the_documentation(void **state) {
  char command[512];
  const char *target = getenv("GPTSH_SESSION");
  (void)state;
  snprintf(command, sizeof command, "\"${GPTSH:-./gptsh}\" docs/transcript.lua %s %s %s",
           target ? "write" : "compare", folder, target ? target : "docs");
  assert_int_equal(system(command), 0);
}

static int open_raw(void **state) {
  if (make_folder(state) != 0) return -1;
  snprintf(raw_path, sizeof raw_path, "%s/raw", folder);
  raw = fopen(raw_path, "w");
  return raw ? 0 : -1;
}

int main(void) {
  signal(SIGPIPE, SIG_IGN);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(a_first_session, end_session),
      cmocka_unit_test(its_transcript_is_in_the_documentation),
  };
  return cmocka_run_group_tests_name("a first session", tests, open_raw, remove_folder);
}
