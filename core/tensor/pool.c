/* pool.c: worker threads that share out the chunks of one job at a time.
 *
 * The whole hand-over is one word: `ticket` = (job number, next chunk).  A thread owns a chunk when
 * its compare-and-swap moves the ticket on.  A new job is published by closing the ticket under a
 * new job number, writing the job, and opening the ticket at chunk 0: a thread that read an old or
 * half-written job holds an old ticket, so its swap fails.  Nobody waits for threads that have
 * nothing to do. */
#include "core/tensor/pool.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
  MAX_THREADS = 256,
  SPINS_PER_LOOK = 64,       /* pauses between two looks at the clock */
  SPINS_BEFORE_YIELD = 4096, /* of the thread that waits for the last chunks */
  IDLE_NS = 2000000,         /* a worker without work for this long goes to sleep */
  STACK_BYTES = 2 << 20,
};
#define CLOSED UINT32_MAX
#define MAX_CHUNKS ((int64_t)1 << 31)

typedef struct worker {
  gt_pool *pool;
  pthread_t thread;
  int number;
} worker;

struct gt_pool {
  gt_ctx *cx;
  int threads; /* workers and the thread that calls gt_parallel */
  worker *workers;
  bool started; /* the workers: a session that computes nothing starts none */
  atomic_bool stop;

  /* the job */
  _Alignas(64) _Atomic uint64_t ticket;
  _Atomic(gt_task) task;
  _Atomic(void *) argument;
  _Atomic int64_t n, grain;
  _Atomic uint32_t chunks;

  _Alignas(64) _Atomic uint32_t done; /* chunks finished */
  _Alignas(64) _Atomic uint32_t wake; /* futex: counts jobs */
  _Atomic int sleepers;
};

static _Thread_local int worker_number;
static _Thread_local bool inside_chunk;

static void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static void futex(_Atomic uint32_t *word, int operation, uint32_t value) {
  syscall(SYS_futex, word, operation | FUTEX_PRIVATE_FLAG, value, NULL, NULL, 0);
}

static int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void run_chunk(gt_ctx *cx, gt_task task, void *argument, int64_t n, int64_t grain,
                      int64_t chunk) {
  if (gt_stopped(cx)) return;
  int64_t begin = chunk * grain;
  task(argument, begin, n - begin < grain ? n : begin + grain);
}

/* Claims and runs one chunk; false when there is none. */
static bool help(gt_pool *pool) {
  uint64_t ticket = atomic_load_explicit(&pool->ticket, memory_order_acquire);
  uint32_t chunk = (uint32_t)ticket;
  if (chunk == CLOSED || chunk >= atomic_load_explicit(&pool->chunks, memory_order_acquire))
    return false;
  gt_task task = atomic_load_explicit(&pool->task, memory_order_acquire);
  void *argument = atomic_load_explicit(&pool->argument, memory_order_acquire);
  int64_t n = atomic_load_explicit(&pool->n, memory_order_acquire);
  int64_t grain = atomic_load_explicit(&pool->grain, memory_order_acquire);
  if (!atomic_compare_exchange_strong(&pool->ticket, &ticket, ticket + 1)) return true;
  inside_chunk = true;
  run_chunk(pool->cx, task, argument, n, grain, chunk);
  inside_chunk = false;
  atomic_fetch_add_explicit(&pool->done, 1, memory_order_acq_rel);
  return true;
}

static void sleep_until_work(gt_pool *pool) {
  uint32_t seen = atomic_load(&pool->wake);
  atomic_fetch_add(&pool->sleepers, 1);
  uint64_t ticket = atomic_load(&pool->ticket);
  uint32_t chunk = (uint32_t)ticket;
  bool work = chunk != CLOSED && chunk < atomic_load(&pool->chunks);
  if (!work && !atomic_load(&pool->stop)) futex(&pool->wake, FUTEX_WAIT, seen);
  atomic_fetch_sub(&pool->sleepers, 1);
}

static void *work(void *data) {
  worker *self = data;
  gt_pool *pool = self->pool;
  worker_number = self->number;
  int64_t idle_since = now_ns();
  while (!atomic_load_explicit(&pool->stop, memory_order_acquire)) {
    bool worked = false;
    while (help(pool)) worked = true;
    if (worked) idle_since = now_ns();
    for (int i = 0; i < SPINS_PER_LOOK; i++) relax();
    if (now_ns() - idle_since < IDLE_NS) continue;
    sleep_until_work(pool);
    idle_since = now_ns();
  }
  return NULL;
}

static int available_cores(void) {
  cpu_set_t set;
  int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
  return count < 1 ? 1 : count > MAX_THREADS ? MAX_THREADS : count;
}

/* Starts the workers with all signals blocked: signals are for the thread that has the prompt.
 * Stops at the first one that the system refuses: fewer threads give the same results. */
static void start_workers(gt_pool *pool) {
  sigset_t all, before;
  pthread_attr_t attributes;
  sigfillset(&all);
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, STACK_BYTES);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int threads = 1;
  for (; threads < pool->threads; threads++) {
    worker *w = &pool->workers[threads];
    w->pool = pool;
    w->number = threads;
    if (pthread_create(&w->thread, &attributes, work, w) != 0) break;
  }
  pool->threads = threads;
  pool->started = true;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
}

gt_status gt_pool_new(gt_ctx *cx, int threads, gt_pool **out) {
  if (threads <= 0) threads = available_cores();
  if (threads > MAX_THREADS) threads = MAX_THREADS;
  gt_pool *pool = NULL;
  if (!gt_fault(cx)) pool = aligned_alloc(_Alignof(gt_pool), sizeof *pool);
  worker *workers = gt_calloc(cx, (size_t)threads, sizeof *workers);
  if (pool == NULL || workers == NULL) {
    gt_free(pool);
    gt_free(workers);
    return gt_fail(cx, GT_ENOMEM, "out of memory: a pool of %d threads", threads);
  }
  *pool = (gt_pool){.cx = cx, .threads = threads, .workers = workers, .ticket = CLOSED};
  *out = pool;
  return GT_OK;
}

void gt_pool_free(gt_pool *pool) {
  if (pool == NULL) return;
  atomic_store(&pool->stop, true);
  atomic_fetch_add(&pool->wake, 1);
  futex(&pool->wake, FUTEX_WAKE, MAX_THREADS);
  for (int i = 1; pool->started && i < pool->threads; i++)
    pthread_join(pool->workers[i].thread, NULL);
  gt_free(pool->workers);
  gt_free(pool);
}

int gt_pool_threads(const gt_ctx *cx) { return cx->pool->threads; }
int gt_pool_idle(const gt_ctx *cx) { return inside_chunk ? 1 : gt_pool_threads(cx); }

gt_status gt_pool_resize(gt_ctx *cx, int threads) {
  if (threads < 1 || threads > MAX_THREADS)
    return gt_fail(cx, GT_EARG, "threads: expected 1 to %d, got %d", MAX_THREADS, threads);
  if (threads == cx->pool->threads) return GT_OK;
  gt_pool *pool = NULL;
  GT_TRY(gt_pool_new(cx, threads, &pool));
  gt_pool_free(cx->pool);
  cx->pool = pool;
  return GT_OK;
}

static void publish(gt_pool *pool, int64_t n, int64_t grain, uint32_t chunks, gt_task task,
                    void *argument) {
  uint64_t job = ((atomic_load_explicit(&pool->ticket, memory_order_relaxed) >> 32) + 1) << 32;
  atomic_store(&pool->ticket, job | CLOSED);
  atomic_store_explicit(&pool->task, task, memory_order_release);
  atomic_store_explicit(&pool->argument, argument, memory_order_release);
  atomic_store_explicit(&pool->n, n, memory_order_release);
  atomic_store_explicit(&pool->grain, grain, memory_order_release);
  atomic_store_explicit(&pool->chunks, chunks, memory_order_release);
  atomic_store_explicit(&pool->done, 0, memory_order_relaxed);
  atomic_store(&pool->ticket, job);
  atomic_fetch_add(&pool->wake, 1);
  int sleepers = atomic_load(&pool->sleepers);
  if (sleepers > 0)
    futex(&pool->wake, FUTEX_WAKE,
          (uint32_t)sleepers < chunks - 1 ? (uint32_t)sleepers : chunks - 1);
}

void gt_parallel(gt_ctx *cx, int64_t n, int64_t grain, gt_task task, void *argument) {
  if (n <= 0) return;
  if (grain < 1) grain = 1;
  if (n / grain >= MAX_CHUNKS) grain = n / MAX_CHUNKS + 1;
  int64_t chunks = (n + grain - 1) / grain;
  gt_pool *pool = cx->pool;
  if (chunks == 1 || pool->threads == 1 || inside_chunk) {
    for (int64_t i = 0; i < chunks; i++) run_chunk(cx, task, argument, n, grain, i);
    return;
  }
  if (!pool->started) start_workers(pool);
  publish(pool, n, grain, (uint32_t)chunks, task, argument);
  while (help(pool)) continue;
  for (int spins = 0; atomic_load_explicit(&pool->done, memory_order_acquire) != (uint32_t)chunks;
       spins++) {
    if (spins < SPINS_BEFORE_YIELD)
      relax();
    else
      sched_yield();
  }
}

void gt_parallel_shielded(gt_ctx *cx, int64_t n, int64_t grain, gt_task task, void *argument) {
  bool shielded = cx->shielded;
  cx->shielded = true;
  gt_parallel(cx, n, grain, task, argument);
  cx->shielded = shielded;
}

int gt_worker(void) { return worker_number; }
