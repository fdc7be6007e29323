/* Tests of the caching allocator. */
#include "tests/core/toy.h"

#include <stdio.h>
#include <time.h>

enum { BLOCKS = 2000 };

/* A fixed sequence of numbers for sizes and choices. */
static uint32_t next(uint64_t *state) {
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(*state >> 33);
}

/* Of this process, so that a busy machine does not count. */
static double seconds(void) { return (double)clock() / CLOCKS_PER_SEC; }

static char *take(gt_ctx *cx, size_t bytes) {
  void *data = NULL;
  ok(gt_allocate(cx, cx->cpu, bytes, &data));
  return data;
}

static void give(gt_ctx *cx, void *data) { gt_deallocate(cx, cx->cpu, data, 0); }

/* Every block is filled with its own byte; a block that overlaps another shows a foreign one. */
static void blocks_are_aligned_and_apart(void **state) {
  gt_ctx *cx = *state;
  uint64_t seed = 1;
  char *data[BLOCKS] = {NULL};
  size_t size[BLOCKS] = {0};
  for (int round = 0; round < 20000; round++) {
    int i = (int)(next(&seed) % BLOCKS);
    if (data[i] != NULL) {
      for (size_t at = 0; at < size[i]; at += 97) assert_int_equal(data[i][at], (char)i);
      if (size[i] > 0) assert_int_equal(data[i][size[i] - 1], (char)i);
      give(cx, data[i]);
      data[i] = NULL;
    } else {
      size[i] = next(&seed) % (round % 100 == 0 ? 3000000u : 5000u);
      data[i] = take(cx, size[i]);
      assert_int_equal((uintptr_t)data[i] % 64, 0);
      memset(data[i], (char)i, size[i]);
    }
  }
  for (int i = 0; i < BLOCKS; i++) give(cx, data[i]);
  assert_int_equal(gt_memory(cx, cx->cpu).live, 0);
  gt_memory_trim(cx, cx->cpu); /* all neighbours merged: every segment is one free block again */
  assert_int_equal(gt_memory(cx, cx->cpu).cached, 0);
}

static void freed_memory_is_used_again(void **state) {
  gt_ctx *cx = *state;
  size_t big = 50 << 20;
  char *first = take(cx, big);
  size_t cached = gt_memory(cx, cx->cpu).cached;
  assert_int_equal(cached % (2 << 20), 0);
  give(cx, first);
  for (int i = 0; i < 100; i++) {
    char *halves[2] = {take(cx, big / 2), take(cx, big / 2 - 4096)};
    give(cx, halves[i & 1]);
    give(cx, halves[1 - (i & 1)]);
    assert_ptr_equal(take(cx, big), first);
    give(cx, first);
  }
  assert_int_equal(gt_memory(cx, cx->cpu).cached, cached);
}

static void the_closest_block_is_taken(void **state) {
  gt_ctx *cx = *state;
  char *large = take(cx, 100 << 10), *wall = take(cx, 256), *small = take(cx, 98 << 10);
  char *end = take(cx, 256);
  give(cx, large);
  give(cx, small);
  assert_ptr_equal(take(cx, 98 << 10), small);
  assert_ptr_equal(take(cx, 99 << 10), large);
  give(cx, small);
  give(cx, large);
  give(cx, wall);
  give(cx, end);
}

/* Small blocks that stay do not split the large ones: the next large request finds its place. */
static void small_blocks_stay_out_of_large_ones(void **state) {
  gt_ctx *cx = *state;
  enum { KEPT = 50 };
  char *kept[KEPT], *large = take(cx, 64 << 20);
  for (int i = 0; i < KEPT; i++) {
    give(cx, large);
    kept[i] = take(cx, 1000);
    char *again = take(cx, 64 << 20);
    assert_ptr_equal(again, large);
  }
  assert_true(gt_memory(cx, cx->cpu).cached < 100 << 20);
  for (int i = 0; i < KEPT; i++) give(cx, kept[i]);
  give(cx, large);
}

static void figures_are_kept(void **state) {
  gt_ctx *cx = *state;
  gt_memory_stats before = gt_memory(cx, cx->cpu);
  char *a = take(cx, 1 << 20), *b = take(cx, 3 << 20);
  gt_memory_stats both = gt_memory(cx, cx->cpu);
  assert_true(both.live >= 4 << 20 && both.live < (4 << 20) + 4096);
  assert_int_equal(both.allocations, before.allocations + 2);
  give(cx, b);
  gt_memory_stats one = gt_memory(cx, cx->cpu);
  assert_true(one.live >= 1 << 20 && one.live < (1 << 20) + 4096);
  assert_int_equal(one.peak, both.live);
  gt_memory_reset_peak(cx, cx->cpu);
  assert_int_equal(gt_memory(cx, cx->cpu).peak, one.live);
  give(cx, a);
}

static void impossible_requests_fail_at_once(void **state) {
  gt_ctx *cx = *state;
  void *data = NULL;
  double start = seconds();
  size_t cached = gt_memory(cx, cx->cpu).cached;
  fails(gt_allocate(cx, cx->cpu, (size_t)1 << 40, &data), GT_ENOMEM,
        "cpu: out of memory: wanted 1099511.6 MB, ");
  fails(gt_allocate(cx, cx->cpu, SIZE_MAX - 5, &data), GT_ENOMEM, "out of memory");
  assert_null(data);
  gt_tensor *t = NULL;
  int64_t huge[3] = {(int64_t)1 << 31, (int64_t)1 << 31, (int64_t)1 << 31};
  gt_spec spec = gt_spec_make(GT_F32, 2, huge);
  fails(gt_tensor_zeros(cx, &spec, cx->cpu, &t), GT_ESHAPE, "(2147483648, 2147483648)");
  spec = gt_spec_make(GT_F32, 3, huge);
  fails(gt_tensor_new(cx, &spec, &gt_backend_meta, &t), GT_ESHAPE, "a size that memory can hold");
  spec = gt_spec_make(GT_F32, 2, (int64_t[]){3, -1});
  fails(gt_tensor_new(cx, &spec, cx->cpu, &t), GT_ESHAPE,
        "expected non-negative sizes, got (3, -1)");
  spec = gt_spec_make(GT_U8, 1, (int64_t[]){(int64_t)1 << 40});
  fails(gt_tensor_zeros(cx, &spec, cx->cpu, &t), GT_ENOMEM, "out of memory");
  assert_true(seconds() - start < 0.1);
  assert_int_equal(gt_memory(cx, cx->cpu).cached, cached);
}

/* Untouched memory counts too: taking all that is free twice must fail before it is used. */
static void promised_memory_is_not_free(void **state) {
  gt_ctx *cx = *state;
  size_t available = 0, total = 0;
  ok(cx->cpu->memory(cx, cx->cpu, &available, &total));
  assert_true(available > 0 && available <= total);
  void *first = NULL, *second = NULL;
  ok(gt_allocate(cx, cx->cpu, available / 10 * 6, &first));
  fails(gt_allocate(cx, cx->cpu, available / 10 * 6, &second), GT_ENOMEM, " MB are free (");
  char of[64];
  snprintf(of, sizeof of, " of %.1f MB are free", (double)total / 1e6);
  assert_non_null(strstr(cx->message, of));
  give(cx, first);
  gt_memory_trim(cx, cx->cpu);
}

static void zeros_are_zero(void **state) {
  gt_ctx *cx = *state;
  for (int round = 0; round < 3; round++) {
    void *data = NULL;
    ok(gt_allocate_zeros(cx, cx->cpu, 5 << 20, &data));
    char *bytes = data;
    size_t wrong = 0;
    for (size_t i = 0; i < 5 << 20; i++) wrong += bytes[i] != 0;
    assert_int_equal(wrong, 0);
    memset(bytes, 1, 5 << 20); /* the next round gets this memory back, no longer fresh */
    give(cx, data);
  }
}

static void small_blocks_are_quick(void **state) {
  gt_ctx *cx = *state;
  enum { ROUNDS = 200000 };
  double best = 1;
  for (int attempt = 0; attempt < 5; attempt++) {
    double start = seconds();
    for (int i = 0; i < ROUNDS; i++) {
      char *a = take(cx, 1000), *b = take(cx, 100);
      give(cx, a);
      give(cx, b);
    }
    double each = (seconds() - start) / (2 * ROUNDS);
    if (each < best) best = each;
  }
  /* 25 ns measured for taking and giving back; ten times that, for slow and busy machines. */
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && defined(__OPTIMIZE__)
  assert_true(best < 250e-9);
#endif
}

static void strangers_are_ignored(void **state) {
  gt_ctx *cx = *state;
  int stranger;
  give(cx, &stranger);
  give(cx, NULL);
  char *a = take(cx, 10);
  size_t live = gt_memory(cx, cx->cpu).live;
  give(cx, &stranger);
  assert_int_equal(gt_memory(cx, cx->cpu).live, live);
  give(cx, a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(blocks_are_aligned_and_apart),
      TEST(freed_memory_is_used_again),
      TEST(the_closest_block_is_taken),
      TEST(small_blocks_stay_out_of_large_ones),
      TEST(figures_are_kept),
      TEST(impossible_requests_fail_at_once),
      TEST(promised_memory_is_not_free),
      TEST(zeros_are_zero),
      TEST(small_blocks_are_quick),
      TEST(strangers_are_ignored),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
