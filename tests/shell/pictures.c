/* pictures.c: figures as pictures in a terminal.  The test is the terminal: it looks at every
 * escape that comes, takes the PNG out of it, and answers questions. */
#include "tests/shell/terminal.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/ioctl.h>

#define KITTY "\033_Ga=T,f=100,q=2,m=1;"
#define ITERM "\033]1337;File=inline=1;size="
#define PLOT "plot{{1, 3, 2}, title = 'three'};\r"
#define QUESTION "\033_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\033\\\033[>q\033[c"

typedef struct bytes {
  size_t size;
  uint8_t at[1 << 17];
} bytes;

/* A session in an environment of its own: "NAME=value …". */
static terminal *start_with(const char *environment) {
  char command[256];
  snprintf(command, sizeof command, "exec env %s \"$GPTSH\"", environment);
  return start_command(command);
}

/* What was shown from `from` on to the begin of `end`; the caller goes on after `end`. */
static size_t length_until(terminal *t, size_t from, const char *end) {
  t->mark = from;
  expect(t, end);
  return t->mark - strlen(end) - from;
}

static void decode(const char *text, size_t n, bytes *out) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  assert_int_equal(n % 4, 0);
  for (size_t i = 0; i < n; i += 4) {
    uint32_t word = 0;
    size_t have = text[i + 3] != '=' ? 3 : text[i + 2] != '=' ? 2 : 1;
    for (size_t j = 0; j < 4; j++) {
      const char *digit = j <= have ? memchr(digits, text[i + j], 64) : digits;
      assert_non_null(digit);
      word = word << 6 | (uint32_t)(digit - digits);
    }
    assert_true(have == 3 || i + 4 == n); /* padding stands at the very end */
    for (size_t j = 0; j < have; j++) out->at[out->size++] = (uint8_t)(word >> (16 - 8 * j));
  }
}

static uint32_t crc32(const uint8_t *at, size_t n) {
  uint32_t c = 0xFFFFFFFF;
  for (size_t i = 0; i < n; i++) {
    c ^= at[i];
    for (int bit = 0; bit < 8; bit++) c = c & 1 ? 0xEDB88320u ^ c >> 1 : c >> 1;
  }
  return ~c;
}

static uint32_t big_endian(const uint8_t *at) {
  return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* Every chunk of the PNG has its length and sum, and the last one ends it; its width. */
static uint32_t check_png(const bytes *png) {
  assert_memory_equal(png->at, "\x89PNG\r\n\x1a\n", 8);
  size_t at = 8, chunk = 0;
  for (; at < png->size; at += chunk + 12) {
    chunk = big_endian(png->at + at);
    assert_true(at + chunk + 12 <= png->size);
    assert_int_equal(crc32(png->at + at + 4, chunk + 4), big_endian(png->at + at + 8 + chunk));
  }
  assert_int_equal(at, png->size);
  assert_memory_equal(png->at + at - chunk - 8, "IEND", 4);
  return big_endian(png->at + 16);
}

/* Reads a picture in kitty's protocol: pieces of at most 4096 bytes, the last one with m=0. */
static void read_kitty(terminal *t, bytes *png) {
  static const char head[] = "\033_Gm=";
  size_t size = sizeof head - 1;
  expect(t, KITTY);
  for (bool last = false;;) {
    size_t from = t->mark, n = length_until(t, from, "\033\\");
    assert_in_range(n, 1, 4096);
    assert_true(last || n == 4096);
    decode(t->seen + from, n, png);
    if (last) return;
    from = t->mark;
    assert_int_equal(length_until(t, from, ";"), size + 1);
    assert_memory_equal(t->seen + from, head, size);
    last = t->seen[from + size] == '0';
    assert_true(last || t->seen[from + size] == '1');
  }
}

static void kitty_gets_a_png_in_pieces(void **state) {
  (void)state;
  static bytes png;
  png.size = 0;
  terminal *t = start_with("TERM=xterm-kitty");
  struct winsize window = {.ws_row = 24, .ws_col = 100, .ws_xpixel = 700};
  assert_int_equal(ioctl(t->fd, TIOCSWINSZ, &window), 0);
  type(t, PLOT);
  read_kitty(t, &png);
  expect(t, "gpt> ");
  assert_int_equal(check_png(&png), 693); /* 99 of 100 columns of 7 pixels */
  assert_int_equal(leave(t, CTRL_D), 0);
}

static void iterm_gets_a_png_at_once(void **state) {
  (void)state;
  static bytes png;
  static const char *const environments[] = {"TERM_PROGRAM=iTerm.app", "TERM_PROGRAM=WezTerm",
                                             "LC_TERMINAL=iTerm2"};
  for (int i = 0; i < 3; i++) {
    png.size = 0;
    terminal *t = start_with(environments[i]);
    type(t, PLOT);
    expect(t, ITERM);
    unsigned long size = strtoul(t->seen + t->mark, NULL, 10);
    expect(t, ":");
    size_t from = t->mark, n = length_until(t, from, "\a");
    decode(t->seen + from, n, &png);
    assert_int_equal(png.size, size);
    check_png(&png);
    expect(t, "gpt> ");
    assert_int_equal(leave(t, CTRL_D), 0);
  }
}

static void sixel_is_drawn_when_it_is_wanted(void **state) {
  (void)state;
  terminal *t = start();
  ask(t, "%set inline sixel", "");
  type(t, PLOT);
  expect(t, "\033P");
  size_t from = t->mark, n = length_until(t, from, "\033\\");
  assert_non_null(memchr(t->seen + from, 'q', 12)); /* ESC P parameters q "1;1;width;height */
  assert_true(n > 1000);
  expect(t, "gpt> ");
  ask(t, "plot{{1, 3, 2}, inline = false};", "\xe2\x94\x94"); /* └ */
  ask(t, "plot{{1, 3, 2}, inline = 'png'};", "inline expects true or false, \"auto\", \"kitty\"");
  assert_int_equal(leave(t, CTRL_D), 0);
}

/* Plots with this input; no escape of a picture may come. */
static void plot_in_characters(const char *environment, const char *input) {
  terminal *t = start_with(environment);
  size_t from = t->count;
  type(t, input);
  expect(t, "three\r\n"); /* the title: the input has a quote after it */
  expect(t, "gpt> ");
  static const char *const escapes[] = {"\033_G", "\033]1337", "\033P"};
  for (int i = 0; i < 3; i++)
    assert_null(memmem(t->seen + from, t->count - from, escapes[i], strlen(escapes[i])));
  assert_int_equal(leave(t, CTRL_D), 0);
}

static void others_get_characters(void **state) {
  (void)state;
  plot_in_characters("", PLOT);
  plot_in_characters("TMUX=/tmp/tmux KITTY_WINDOW_ID=1", PLOT);
  plot_in_characters("TERM=screen TERM_PROGRAM=iTerm.app", PLOT);
  plot_in_characters("TERM=xterm-kitty NO_COLOR=1", "plot.inline = 'kitty' " PLOT);
  plot_in_characters("TERM=dumb KITTY_WINDOW_ID=1", "plot.inline = 'kitty' " PLOT);
}

static void without_gnuplot_characters_and_the_reason(void **state) {
  (void)state;
  terminal *t =
      start_command("PATH=/nonexistent TERM=xterm-kitty; export PATH TERM; exec \"$GPTSH\"");
  type(t, PLOT);
  expect(t, "three\r\n");
  expect(t, "gnuplot not found (Debian: apt install gnuplot-nox)\r\n");
  expect(t, "gpt> ");
  assert_int_equal(leave(t, CTRL_D), 0);
}

/* Types "%plot probe", answers like a terminal, and waits for what gptsh makes of it. */
static void probe(terminal *t, const char *answer, const char *result) {
  type(t, "%plot probe\r");
  expect(t, QUESTION);
  type(t, answer);
  expect(t, result);
  expect(t, "gpt> ");
  ask(t, "60 + 7", "67"); /* nothing is left for the prompt */
}

static void a_terminal_is_asked_only_on_demand(void **state) {
  (void)state;
  static bytes png;
  terminal *t = start();
  type(t, PLOT);
  expect(t, "gpt> ");
  assert_null(memmem(t->seen, t->count, "\033[c", 3));
  probe(t, "\033P>|iTerm2 3.5\033\\\033[?62;4c", "pictures (iterm)");
  probe(t, "\033[?62;4;22c", "pictures (sixel)");
  probe(t, "\033_Gi=31;ENOTSUPPORTED:c\033\\\033[?62;14;22c", "in characters");
  probe(t, "", "in characters"); /* no answer */
  probe(t, "\033_Gi=31;OK\033\\\033P>|kitty(0.32)\033\\\033[?62c", "pictures (kitty)");
  png.size = 0;
  type(t, PLOT);
  read_kitty(t, &png);
  check_png(&png);
  expect(t, "gpt> ");
  assert_int_equal(leave(t, CTRL_D), 0);
}

static void ctrl_c_leaves_a_sleeping_gnuplot(void **state) {
  (void)state;
  char input[128], command[128];
  terminal *t = start_with_sleeping_gnuplot();
  snprintf(input, sizeof input, "plot{{1, 3}, save = '%s/never.svg'}\r", folder);
  for (int round = 0; round < 2; round++) {
    type(t, input);
    wait_for_gnuplot();
    type(t, CTRL_C);
    expect_in(t, "interrupted", 5000); /* 200 ms are promised; gnuplot itself has 20 s */
    expect(t, "gpt> ");
    assert_no_children(t);
  }
  snprintf(command, sizeof command, "! ls -A %s | grep never.svg", folder);
  assert_int_equal(system(command), 0); /* no picture, no part of one */
  ask(t, "60 + 7", "67");
  assert_int_equal(leave(t, CTRL_D), 0);
}

int main(void) {
  signal(SIGPIPE, SIG_IGN);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(kitty_gets_a_png_in_pieces, end_session),
      cmocka_unit_test_teardown(iterm_gets_a_png_at_once, end_session),
      cmocka_unit_test_teardown(sixel_is_drawn_when_it_is_wanted, end_session),
      cmocka_unit_test_teardown(others_get_characters, end_session),
      cmocka_unit_test_teardown(without_gnuplot_characters_and_the_reason, end_session),
      cmocka_unit_test_teardown(ctrl_c_leaves_a_sleeping_gnuplot, end_session),
      cmocka_unit_test_teardown(a_terminal_is_asked_only_on_demand, end_session),
  };
  return cmocka_run_group_tests_name("pictures", tests, make_folder, remove_folder);
}
