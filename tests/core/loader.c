/* Tests of batches: which windows they hold, in which order, and that evaluation meets every target
 * once.  The tokens are the numbers 0, 1, 2, … so that a window tells where it is from. */
#include "tests/core/toy.h"

#include "core/data/loader.h"

#include <stdlib.h>

enum { MOST = 4096 };

static gt_tokens *numbers(gt_ctx *cx, int n) {
  gt_tokens *t = NULL;
  static int32_t ids[MOST];
  for (int i = 0; i < n; i++) ids[i] = i;
  ok(gt_tokens_new(cx, MOST, &t));
  ok(gt_tokens_append(cx, t, ids, n));
  return t;
}

static gt_loader *loader(gt_ctx *cx, int n, gt_loader_settings settings) {
  gt_tokens *t = numbers(cx, n);
  gt_loader *l = NULL;
  ok(gt_loader_new(cx, t, &settings, &l));
  gt_tokens_unref(t); /* the loader keeps it */
  return l;
}

/* Fetches a batch whose windows are unbroken runs; gives where each begins. */
static void begins(gt_ctx *cx, gt_loader *l, int64_t step, int64_t *out) {
  int64_t x[256], y[256];
  const gt_loader_settings *s = gt_loader_settings_of(l);
  assert_true(s->B * s->T <= 256);
  ok(gt_loader_batch(cx, l, step, x, y));
  for (int64_t b = 0; b < s->B; b++) {
    out[b] = x[b * s->T];
    for (int64_t i = 0; i < s->T; i++) {
      assert_int_equal(x[b * s->T + i], out[b] + i);
      assert_int_equal(y[b * s->T + i], out[b] + i + 1);
    }
  }
}

static void sequential_batches_follow_each_other(void **state) {
  gt_ctx *cx = *state;
  int64_t at[3];
  gt_loader *l = loader(cx, 50, (gt_loader_settings){.B = 3, .T = 5, .bos = -1});
  assert_int_equal(gt_loader_batches(l), 3); /* 45 of 49 targets */
  for (int64_t step = 0; step < 7; step++) {
    begins(cx, l, step, at);
    for (int b = 0; b < 3; b++) assert_int_equal(at[b], step % 3 * 15 + b * 5);
  }
  gt_loader_free(l);
}

/* Every epoch has each window once, in an order of its own that depends on the seed only. */
static void shuffled_epochs_are_permutations(void **state) {
  gt_ctx *cx = *state;
  for (int windows = 1; windows < 70; windows++) {
    int same_as_before = 0;
    int64_t before[70], at[1], order[70];
    gt_loader_settings s = {.B = 1, .T = 7, .order = GT_ORDER_SHUFFLED, .seed = 5, .bos = -1};
    gt_loader *l = loader(cx, windows * 7 + 1 + windows % 7, s), *again;
    assert_int_equal(gt_loader_batches(l), windows);
    again = loader(cx, windows * 7 + 1 + windows % 7, s);
    for (int epoch = 0; epoch < 3; epoch++) {
      bool seen[70] = {false};
      for (int i = 0; i < windows; i++) {
        begins(cx, l, epoch * windows + i, at);
        assert_int_equal(at[0] % 7, 0);
        order[i] = at[0] / 7;
        assert_true(order[i] < windows && !seen[order[i]]);
        seen[order[i]] = true;
        begins(cx, again, epoch * windows + i, at);
        assert_int_equal(order[i], at[0] / 7);
      }
      same_as_before += epoch && memcmp(order, before, sizeof *order * (size_t)windows) == 0;
      memcpy(before, order, sizeof order);
    }
    assert_true(windows < 10 || same_as_before == 0);
    gt_loader_free(l);
    gt_loader_free(again);
  }
}

/* Over many seeds each of the 24 orders of four windows comes up about equally often.  Chi-square
 * with 23 degrees of freedom is above 58.6 once in 15000 times; the seeds are fixed. */
static void shuffled_orders_are_equally_likely(void **state) {
  gt_ctx *cx = *state;
  enum { SEEDS = 4800 };
  int found[256] = {0}, orders = 0;
  for (uint64_t seed = 0; seed < SEEDS; seed++) {
    int64_t at[4];
    gt_loader *l = loader(
        cx, 9,
        (gt_loader_settings){.B = 4, .T = 2, .order = GT_ORDER_SHUFFLED, .seed = seed, .bos = -1});
    begins(cx, l, 0, at);
    found[at[0] / 2 * 64 + at[1] / 2 * 16 + at[2] / 2 * 4 + at[3] / 2]++;
    gt_loader_free(l);
  }
  double chi = 0, expected = SEEDS / 24.0;
  for (int i = 0; i < 256; i++) {
    orders += found[i] > 0;
    if (found[i]) chi += (found[i] - expected) * (found[i] - expected) / expected;
  }
  assert_int_equal(orders, 24);
  assert_true(chi < 58.6);
}

static void random_windows_come_from_everywhere(void **state) {
  gt_ctx *cx = *state;
  enum { N = 40, T = 8, STEPS = 2000 };
  int found[N] = {0};
  int64_t at[4], again[4];
  gt_loader_settings s = {.B = 4, .T = T, .order = GT_ORDER_RANDOM, .seed = 1337, .bos = -1};
  gt_loader *l = loader(cx, N, s);
  for (int64_t step = 0; step < STEPS; step++) {
    begins(cx, l, step, at);
    for (int b = 0; b < 4; b++) found[at[b]]++;
  }
  double chi = 0, expected = 4.0 * STEPS / (N - T);
  for (int i = 0; i < N - T; i++) chi += (found[i] - expected) * (found[i] - expected) / expected;
  for (int i = N - T; i < N; i++) assert_int_equal(found[i], 0);
  assert_true(chi < 72); /* 31 degrees of freedom: exceeded once in 25000 times */
  begins(cx, l, 11, at);
  s.seed = 1338;
  gt_loader *other = loader(cx, N, s);
  begins(cx, other, 11, again);
  assert_true(memcmp(at, again, sizeof at) != 0);
  gt_loader_free(other);
  gt_loader_free(l);
}

/* Windows of T begin with a 0, do not overlap, pass over only what lies before the next 0, and no
 * window is missing. */
static void check_aligned(gt_ctx *cx, gt_tokens *t, const int32_t *ids, int n, int64_t T) {
  int64_t x[64], y[64], at = 0, windows = 0;
  gt_loader *l = NULL;
  ok(gt_loader_new(cx, t, &(gt_loader_settings){.B = 1, .T = T, .bos = 0}, &l));
  for (; at + T < n; at++) {
    if (ids[at]) continue;
    ok(gt_loader_batch(cx, l, windows++, x, y));
    for (int64_t i = 0; i < T; i++) {
      assert_int_equal(x[i], ids[at + i]);
      assert_int_equal(y[i], ids[at + i + 1]);
    }
    at += T - 1;
  }
  assert_int_equal(gt_loader_batches(l), windows);
  gt_loader_free(l);
}

static void aligned_windows_begin_with_a_document(void **state) {
  gt_ctx *cx = *state;
  int32_t ids[2000];
  int n = 0;
  ids[n++] = 9; /* the end of a document that began elsewhere */
  for (int length = 1; length <= 40; length++) {
    ids[n++] = 0;
    for (int i = 0; i < length; i++) ids[n++] = length;
  }
  gt_tokens *t = NULL;
  ok(gt_tokens_new(cx, 256, &t));
  ok(gt_tokens_append(cx, t, ids, n));
  for (int end = 70; end < 120; end++) {
    gt_tokens *part = NULL;
    ok(gt_tokens_view(cx, t, 0, end, &part));
    for (int64_t T = 1; T <= 64; T++) check_aligned(cx, part, ids, end, T);
    gt_tokens_unref(part);
  }
  gt_loader *l = NULL;
  fails(gt_loader_new(cx, t, &(gt_loader_settings){.B = 2, .T = 6, .bos = 77}, &l), GT_EARG,
        "at least B = 2 windows of T = 6 that begin with token 77, got 0");
  gt_tokens_unref(t);
}

static void refuses_batches_larger_than_the_data(void **state) {
  gt_ctx *cx = *state;
  gt_tokens *t = numbers(cx, 60);
  gt_loader *l = NULL;
  for (int order = 0; order < 3; order++) {
    gt_loader_settings s = {.B = 10, .T = 6, .order = (gt_order)order, .bos = -1};
    fails(gt_loader_new(cx, t, &s, &l), GT_EARG,
          "at least B * T + 1 = 61 tokens for a batch, got 60");
    s.B = 0;
    fails(gt_loader_new(cx, t, &s, &l), GT_EARG, "B and T above 0, B * T below 2^40, got 0 and 6");
    s = (gt_loader_settings){.B = 1ll << 39, .T = 1ll << 39, .bos = -1};
    fails(gt_loader_new(cx, t, &s, &l), GT_EARG, "B and T");
    s = (gt_loader_settings){.B = 1, .T = 59, .order = (gt_order)order, .bos = -1};
    ok(gt_loader_new(cx, t, &s, &l)); /* just enough */
    gt_loader_free(l);
  }
  gt_tokens_unref(t);
}

static void evaluation_meets_every_target_once(void **state) {
  gt_ctx *cx = *state;
  int64_t x[MOST], y[MOST];
  for (int n = 2; n < 60; n++) {
    gt_tokens *t = numbers(cx, n);
    for (int64_t B = 1; B < 5; B++)
      for (int64_t T = 1; T < 9; T++) {
        int64_t next = 1, targets = 0;
        for (int64_t k = 0;; k++) {
          gt_window w = gt_window_of(t, B, T, k);
          if (!w.rows) break;
          assert_true(w.rows <= B);
          ok(gt_window_read(cx, t, &w, T, x, y));
          targets += w.targets;
          for (int64_t i = 0; i < w.rows * T; i++) {
            if (i < w.targets) assert_int_equal(y[i], next++);
            assert_int_equal(x[i], i < w.targets ? y[i] - 1 : 0);
            if (i >= w.targets) assert_int_equal(y[i], -1);
          }
        }
        assert_int_equal(next, n);
        assert_int_equal(targets, n - 1);
      }
    gt_tokens_unref(t);
  }
}

static void survives_failing_allocations(void **state) {
  gt_ctx *cx = *state;
  gt_tokens *t = numbers(cx, 2000);
  gt_status status = GT_ENOMEM;
  for (int n = 0; status == GT_ENOMEM; n++) {
    gt_loader *l = NULL;
    assert_true(n < 50);
    cx->fail_after = n;
    status = gt_loader_new(cx, t, &(gt_loader_settings){.B = 1, .T = 4, .bos = 3}, &l);
    cx->fail_after = -1;
    gt_loader_free(l);
  }
  assert_int_equal(status, GT_OK);
  gt_tokens_unref(t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(sequential_batches_follow_each_other),  TEST(shuffled_epochs_are_permutations),
      TEST(shuffled_orders_are_equally_likely),    TEST(random_windows_come_from_everywhere),
      TEST(aligned_windows_begin_with_a_document), TEST(refuses_batches_larger_than_the_data),
      TEST(evaluation_meets_every_target_once),    TEST(survives_failing_allocations),
  };
  return cmocka_run_group_tests_name("loader", tests, NULL, NULL);
}
