/* Tests of the worker pool: same results for any number of threads. */
#include "tests/core/toy.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { N = 100003, CROWD = 8 };

typedef struct job {
  gt_ctx *cx;
  unsigned char *seen; /* (N) */
  float *x, *partial;
  int64_t grain;
  int workers[256];
  bool wrong; /* a chunk with other borders than promised */
} job;

static void mark(void *argument, int64_t begin, int64_t end) {
  job *j = argument;
  if (begin % j->grain != 0 || end - begin > j->grain || begin >= end) j->wrong = true;
  for (int64_t i = begin; i < end; i++) j->seen[i]++;
  __atomic_fetch_add(&j->workers[gt_worker()], 1, __ATOMIC_RELAXED);
}

/* A sum whose bits depend on where it is cut. */
static void add_up(void *argument, int64_t begin, int64_t end) {
  job *j = argument;
  float sum = 0;
  for (int64_t i = begin; i < end; i++) sum += j->x[i];
  j->partial[begin / j->grain] = sum;
}

static void add_up_outer(void *argument, int64_t begin, int64_t end) {
  job *jobs = argument;
  for (int64_t i = begin; i < end; i++) gt_parallel(jobs[i].cx, N, jobs[i].grain, add_up, &jobs[i]);
}

static void every_element_is_visited_once(void **state) {
  gt_ctx *cx = *state;
  job j = {.cx = cx, .seen = test_malloc(N)};
  const int64_t sizes[] = {1, 2, 7, 1000, N}, grains[] = {1, 3, 64, 5000, N, 10 * N};
  for (int threads = 1; threads <= 5; threads += 2) {
    ok(gt_pool_resize(cx, threads));
    assert_int_equal(gt_pool_threads(cx), threads);
    for (int a = 0; a < GT_COUNT(sizes); a++) {
      for (int b = 0; b < GT_COUNT(grains); b++) {
        memset(j.seen, 0, N);
        memset(j.workers, 0, sizeof j.workers);
        j.grain = grains[b];
        gt_parallel(cx, sizes[a], grains[b], mark, &j);
        for (int64_t i = 0; i < sizes[a]; i++) assert_int_equal(j.seen[i], 1);
        assert_false(j.wrong);
        for (int w = threads; w < 256; w++) assert_int_equal(j.workers[w], 0);
      }
    }
  }
  gt_parallel(cx, 0, 5, mark, &j);
  test_free(j.seen);
}

/* Workers that are moved from core to core: each comes to rest wherever it is, and goes on late. */
typedef struct crowd {
  int thread[CROWD]; /* ids of those seen at work; 0: none */
  bool over;
} crowd;

typedef struct short_job {
  unsigned char seen[64];
  crowd *crowd;
} short_job;

static void *unsettle(void *data) {
  crowd *c = data;
  unsigned cores = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
  cpu_set_t allowed;
  assert_int_equal(sched_getaffinity(0, sizeof allowed, &allowed), 0);
  for (unsigned turn = 0; !__atomic_load_n(&c->over, __ATOMIC_RELAXED); turn++) {
    int thread = __atomic_load_n(&c->thread[turn % CROWD], __ATOMIC_RELAXED);
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET((turn + turn / CROWD) % cores, &one);
    CPU_AND(&one, &one, &allowed);
    if (thread != 0 && CPU_COUNT(&one) == 1) sched_setaffinity(thread, sizeof one, &one);
  }
  return NULL;
}

static void mark_short(void *argument, int64_t begin, int64_t end) {
  short_job *j = argument;
  for (int64_t i = begin; i < end; i++) __atomic_fetch_add(&j->seen[i], 1, __ATOMIC_RELAXED);
  if (gt_worker() > 0)
    __atomic_store_n(&j->crowd->thread[gt_worker()], (int)syscall(SYS_gettid), __ATOMIC_RELAXED);
}

/* Jobs back to back: a worker that is late for one must not take part in the next with old data. */
static void jobs_do_not_mix(void **state) {
  static const int threads[] = {1, 2, 3, 5, CROWD};
  gt_ctx *cx = *state;
  for (int t = 0; t < GT_COUNT(threads); t++) {
    crowd c = {0};
    pthread_t mover;
    ok(gt_pool_resize(cx, threads[t]));
    assert_int_equal(pthread_create(&mover, NULL, unsettle, &c), 0);
    for (int round = 0; round < 60000; round++) {
      short_job jobs[2] = {{.crowd = &c}, {.crowd = &c}}, *j = &jobs[round % 2];
      int64_t n = 1 + round % 64;
      gt_parallel(cx, n, 1 + round % 3, mark_short, j);
      for (int64_t i = 0; i < 64; i++) assert_int_equal(j->seen[i], i < n);
    }
    __atomic_store_n(&c.over, true, __ATOMIC_RELAXED);
    assert_int_equal(pthread_join(mover, NULL), 0);
  }
}

static void bits_do_not_depend_on_threads(void **state) {
  gt_ctx *cx = *state;
  enum { GRAIN = 1000, CHUNKS = N / GRAIN + 1, OUTER = 3 };
  job j = {.cx = cx, .grain = GRAIN, .x = test_malloc(N * sizeof(float))};
  float expected[CHUNKS], partial[CHUNKS], nested[OUTER][CHUNKS];
  gt_tensor *random = NULL;
  gt_spec spec = gt_spec_make(GT_F32, 1, (int64_t[]){N});
  ok(gt_tensor_new(cx, &spec, cx->cpu, &random));
  ok(gt_fill_normal(cx, random, 0, 1));
  ok(gt_read(cx, random, GT_F32, j.x));
  for (int threads = 1; threads <= 7; threads++) {
    ok(gt_pool_resize(cx, threads));
    j.partial = threads == 1 ? expected : partial;
    gt_parallel(cx, N, GRAIN, add_up, &j);
    if (threads > 1) assert_memory_equal(partial, expected, sizeof partial);
    job inner[OUTER];
    for (int i = 0; i < OUTER; i++) {
      inner[i] = j;
      inner[i].partial = nested[i];
    }
    memset(nested, 0, sizeof nested);
    gt_parallel(cx, OUTER, 1, add_up_outer, inner); /* the inner ones run where they are called */
    for (int i = 0; i < OUTER; i++) assert_memory_equal(nested[i], expected, sizeof expected);
  }
  test_free(j.x);
  gt_tensor_unref(cx, random);
}

static void raise_flag(void *argument, int64_t begin, int64_t end) {
  job *j = argument;
  j->seen[begin] = 1;
  gt_interrupt(j->cx);
  (void)end;
}

static void an_interrupt_drops_what_is_left(void **state) {
  gt_ctx *cx = *state;
  unsigned char seen[64] = {0};
  job j = {.cx = cx, .seen = seen, .grain = 1};
  ok(gt_pool_resize(cx, 1));
  gt_parallel(cx, 64, 1, raise_flag, &j);
  assert_int_equal(seen[0], 1);
  for (int i = 1; i < 64; i++) assert_int_equal(seen[i], 0);
  cx->shielded = true; /* work that must not stop halfway */
  gt_parallel(cx, 64, 1, raise_flag, &j);
  for (int i = 1; i < 64; i++) assert_int_equal(seen[i], 1);
  ok(gt_poll(cx));
  cx->shielded = false;
  fails(gt_poll(cx), GT_EINTR, "interrupted");
  gt_interrupt_clear(cx);
  ok(gt_poll(cx));
}

static void sizes_are_checked(void **state) {
  gt_ctx *cx = *state;
  fails(gt_pool_resize(cx, 0), GT_EARG, "expected 1 to 256, got 0");
  fails(gt_pool_resize(cx, 257), GT_EARG, "got 257");
  assert_int_equal(gt_pool_threads(cx), 2);
  assert_int_equal(gt_worker(), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(every_element_is_visited_once),
      TEST(jobs_do_not_mix),
      TEST(bits_do_not_depend_on_threads),
      TEST(an_interrupt_drops_what_is_left),
      TEST(sizes_are_checked),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
