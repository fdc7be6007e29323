/* keys.c: many keys in one write, as a terminal that hangs, a paste or a macro sends them: whatever
 * they are, the prompt survives them, and what a search and an arrow mean stays what it is. */
#include "tests/shell/terminal.h"

#define CTRL_G "\007"
#define CTRL_R "\022"
#define CTRL_S "\023"
#define CTRL_V "\026"
#define CTRL_X "\030"
#define ESC "\033"
#define UP "\033[A"
#define DOWN "\033[B"
#define LEFT "\033[D"
#define HOME "\033[H"
#define DELETE "\033[3~"
#define PASTE(text) "\033[200~" text "\033[201~"

static const char *const parts[] = {
    CTRL_R,        CTRL_S,     ESC,        UP,      DOWN,   LEFT,   HOME,
    DELETE,        CTRL_G,     CTRL_V,     CTRL_X,  "x",    "yz",   "\177",
    "\t",          "\n",       "\033f",    "\033r", "\035", "\024", PASTE("p"),
    PASTE("a\nb"), "\303\244", "\033[99~", "\033O", "\0335"};
#define PARTS (sizeof parts / sizeof *parts)

/* Types the keys at once; what they leave on the line is taken away, and the next line runs. */
static void survive(terminal *t, const char *keys) {
  char all[512];
  snprintf(all, sizeof all, "%s" CTRL_G CTRL_G "\005\025\013\rprint('se' .. 'en')\r", keys);
  type(t, all);
  expect(t, "seen\r\n");
  expect(t, "gpt> ");
}

static terminal *start_with_inputs(void) {
  terminal *t = start_command("stty -ixon; GPTSH_HISTORY=$TEST_FOLDER/keys exec \"$GPTSH\"");
  ask(t, "11 * 11", "121");
  ask(t, "12 * 12", "144");
  return t;
}

static void sequences_in_a_search_survive(void **state) {
  (void)state;
  static const char *const cases[] = {
      CTRL_R ESC "xyz1+1\r", CTRL_R CTRL_X "x",   CTRL_R CTRL_X "q1",    CTRL_S ESC "xyz1+1\r",
      CTRL_R ESC ESC "x",    CTRL_R "1" ESC "Ox", CTRL_R "1" ESC "[99~", CTRL_R CTRL_V ESC "x",
      CTRL_R ESC CTRL_R ESC, CTRL_R CTRL_X CTRL_X};
  terminal *t = start_with_inputs();
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) survive(t, cases[i]);
  assert_int_equal(leave(t, CTRL_D), 0);
}

static void any_keys_survive(void **state) {
  (void)state;
  unsigned seed = 7;
  terminal *t = start_with_inputs();
  for (int i = 0; i < 120; i++) {
    char keys[256] = "";
    for (int k = 0; k < 6; k++) {
      seed = seed * 1664525u + 1013904223u;
      strcat(keys, k == 0 && i % 2 ? CTRL_R : parts[(seed >> 16) % PARTS]);
    }
    survive(t, keys);
  }
  kill_session(t);
}

static void ctrl_c_behind_them_is_heard(void **state) {
  (void)state;
  terminal *t = start_with_inputs();
  for (int i = 0; i < 8; i++) {
    type(t, i % 2 ? CTRL_R ESC "xy" CTRL_C : CTRL_R "1" ESC CTRL_C);
    expect(t, "^C\r\n");
    expect(t, "gpt> ");
  }
  ask(t, "6 * 7", "42");
  assert_int_equal(leave(t, CTRL_D), 0);
}

static void a_search_finds_and_an_arrow_goes_on_from_there(void **state) {
  (void)state;
  terminal *t = start_with_inputs();
  type(t, CTRL_R "11"
                 "\005 + 1\r");
  expect(t, "122");
  expect(t, "gpt> ");
  type(t, CTRL_R "12 *" DOWN UP "\005 + 2\r"); /* no text "[B" in it */
  expect(t, "146");
  expect(t, "gpt> ");
  type(t, CTRL_R PASTE("11 * 11") "\005 + 3\r"); /* what is pasted is looked for */
  expect(t, "125");                              /* 11 * 11 + 1 + 3 */
  expect(t, "gpt> ");
  assert_int_equal(leave(t, CTRL_D), 0);
}

int main(void) {
  signal(SIGPIPE, SIG_IGN);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(sequences_in_a_search_survive, end_session),
      cmocka_unit_test_teardown(any_keys_survive, end_session),
      cmocka_unit_test_teardown(ctrl_c_behind_them_is_heard, end_session),
      cmocka_unit_test_teardown(a_search_finds_and_an_arrow_goes_on_from_there, end_session),
  };
  return cmocka_run_group_tests_name("keys at once", tests, make_folder, remove_folder);
}
