/* Tests of number text and growing text. */
#include "tests/core/toy.h"

#include "core/tensor/text.h"

#include <inttypes.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static const char *text_of(double x) {
  static char text[GT_NUMBER_TEXT];
  return gt_number_text(x, text);
}

static void numbers_read_like_python(void **state) {
  (void)state;
  assert_string_equal(text_of(0.1), "0.1");
  assert_string_equal(text_of(0.0), "0.0");
  assert_string_equal(text_of(-0.0), "-0.0");
  assert_string_equal(text_of(1), "1.0");
  assert_string_equal(text_of(-2.5), "-2.5");
  assert_string_equal(text_of(1e-5), "1e-05");
  assert_string_equal(text_of(0.0001), "0.0001");
  assert_string_equal(text_of(1e16), "1e+16");
  assert_string_equal(text_of(1e15), "1000000000000000.0");
  assert_string_equal(text_of(0x1p-24), "5.960464477539063e-08");
  assert_string_equal(text_of(5e-324), "5e-324");
  assert_string_equal(text_of(INFINITY), "inf");
  assert_string_equal(text_of(-INFINITY), "-inf");
  assert_string_equal(text_of(NAN), "nan");
  assert_string_equal(text_of(-NAN), "nan");
  assert_string_equal(text_of(1.7976931348623157e308), "1.7976931348623157e+308");
}

/* All powers of two and ten, subnormals, random bits: tests/golden/number_text.py. */
static void numbers_equal_the_golden_file(void **state) {
  (void)state;
  FILE *file = fopen("tests/golden/numbers.txt", "r");
  assert_non_null(file);
  uint64_t bits;
  char expected[64];
  int count = 0;
  while (fscanf(file, "%" SCNx64 " %63s", &bits, expected) == 2) {
    double x;
    memcpy(&x, &bits, sizeof x);
    assert_string_equal(text_of(x), expected);
    count++;
  }
  fclose(file);
  assert_true(count > 4000);
}

/* Random doubles read back, and so does no decimal with one digit less. */
static void numbers_are_shortest(void **state) {
  (void)state;
  uint64_t seed = 7;
  for (int i = 0; i < 20000; i++) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    uint64_t bits = seed ^ seed >> 29;
    double x, back;
    memcpy(&x, &bits, sizeof x);
    if (!isfinite(x)) continue;
    const char *text = text_of(x);
    assert_true(strlen(text) < GT_NUMBER_TEXT);
    assert_true(strtod(text, NULL) == x);
    int digits = 0;
    for (const char *at = text; *at != 0 && *at != 'e'; at++)
      digits += *at >= '0' && *at <= '9' && (digits > 0 || *at != '0');
    if (digits < 3 || strchr(text, 'e') == NULL) continue;
    char shorter[64];
    snprintf(shorter, sizeof shorter, "%.*e", digits - 2, x);
    back = strtod(shorter, NULL);
    assert_true(back != x);
  }
}

/* Makes a locale with a decimal comma in `folder`; false where localedef cannot. */
static bool set_comma_locale(char *folder) {
  char path[256], command[512];
  if (mkdtemp(folder) == NULL) return false;
  snprintf(path, sizeof path, "%s/source", folder);
  FILE *file = fopen(path, "w");
  if (file == NULL) return false;
  fputs("LC_NUMERIC\ndecimal_point \",\"\nthousands_sep \"\"\ngrouping -1\nEND LC_NUMERIC\n", file);
  fclose(file);
  snprintf(command, sizeof command, "localedef -c -i %s -f UTF-8 %s/xx_XX.UTF-8 >/dev/null 2>&1",
           path, folder);
  if (system(command) < 0) return false; /* it warns of what is left out; the next line decides */
  setenv("LOCPATH", folder, 1);
  return setlocale(LC_NUMERIC, "xx_XX.UTF-8") != NULL;
}

static void the_locale_does_not_matter(void **state) {
  gt_ctx *cx = *state;
  char folder[] = "/tmp/gptsh-locale-XXXXXX", command[64];
  bool comma = set_comma_locale(folder);
  char point[8];
  snprintf(point, sizeof point, "%.1f", 0.5);
  const char *text = text_of(0.1 + 0.2);
  bool right = strcmp(text, "0.30000000000000004") == 0 && strcmp(text_of(2.5), "2.5") == 0 &&
               strcmp(text_of(5e-324), "5e-324") == 0 && strcmp(text_of(1.5e300), "1.5e+300") == 0;
  setlocale(LC_NUMERIC, "C");
  snprintf(command, sizeof command, "rm -rf %s", folder);
  if (system(command) != 0) print_error("could not remove %s\n", folder);
  if (!comma) skip();                /* no localedef here */
  assert_string_equal(point, "0,5"); /* the locale was in force */
  assert_true(right);
  (void)cx;
}

static void numbers_are_quick(void **state) {
  (void)state;
  enum { ROUNDS = 20000 };
  double best = 1;
  for (int attempt = 0; attempt < 3; attempt++) {
    clock_t start = clock();
    for (int i = 0; i < ROUNDS; i++) text_of(0.001 * i);
    double each = (double)(clock() - start) / CLOCKS_PER_SEC / ROUNDS;
    if (each < best) best = each;
  }
  /* 0.9 us measured; a table of a thousand numbers must not be felt even on a slow machine. */
  assert_true(best < 10e-6);
}

static void text_grows(void **state) {
  gt_ctx *cx = *state;
  gt_text text = {0};
  for (int i = 0; i < 1000; i++) gt_text_add(cx, &text, "%d,", i);
  gt_text_append(cx, &text, "end", 3);
  assert_int_equal(text.length, strlen(text.data));
  assert_memory_equal(text.data, "0,1,2,3,", 8);
  assert_string_equal(text.data + text.length - 8, ",999,end");
  char long_word[2000];
  memset(long_word, 'x', sizeof long_word - 1);
  long_word[sizeof long_word - 1] = 0;
  size_t before = text.length;
  gt_text_add(cx, &text, "<%s>", long_word);
  assert_int_equal(text.length, before + 2001);
  gt_text_append(cx, &text, "", 0);
  gt_text_free(&text);
  assert_null(text.data);
  cx->fail_after = 0;
  gt_text_add(cx, &text, "lost");
  gt_text_add(cx, &text, "also lost");
  assert_true(text.failed);
  gt_text_free(&text);
}

static void numbers_are_grouped(void **state) {
  (void)state;
  char text[GT_NUMBER_TEXT];
  assert_string_equal(gt_grouped_text(0, text), "0");
  assert_string_equal(gt_grouped_text(999, text), "999");
  assert_string_equal(gt_grouped_text(1000, text), "1,000");
  assert_string_equal(gt_grouped_text(285212672, text), "285,212,672");
  assert_string_equal(gt_grouped_text(-1234567, text), "-1,234,567");
  assert_string_equal(gt_grouped_text(INT64_MIN, text), "-9,223,372,036,854,775,808");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(numbers_read_like_python), TEST(numbers_equal_the_golden_file),
      TEST(numbers_are_shortest),     TEST(the_locale_does_not_matter),
      TEST(numbers_are_quick),        TEST(text_grows),
      TEST(numbers_are_grouped),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
