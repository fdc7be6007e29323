/* pool.c: worker threads that share out the chunks of one job at a time.
 *
 * Every thread has a lane: chunks [w C / W, (w + 1) C / W) of a job's C, the same part of every job
 * of the same size, so that rows stay in the cache of the core that wrote them.  Once through with
 * its own lane it takes what is left of the others'.
 *
 * A lane's ticket is (job number, next chunk); a ticket of another job counts as untouched.  A
 * thread owns a chunk when its compare-and-swap moves the ticket on.  It reads the job's number
 * first and again last: where both are the same, what it read in between belongs together, and a
 * lane with chunks left means that the job is not over.  No one waits for threads that have
 * nothing to do. */
#include "core/tensor/pool.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
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
#define MAX_CHUNKS ((int64_t)1 << 31)

/* Chunks of a job that one thread runs before the others'. */
typedef struct lane {
  _Alignas(64) _Atomic uint64_t ticket; /* job << 32 | next chunk */
} lane;

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

  _Alignas(64) _Atomic uint32_t job; /* its number, odd while what follows is written; a futex */
  _Atomic(gt_task) task;
  _Atomic(void *) argument;
  _Atomic int64_t n, grain, chunks;

  _Alignas(64) _Atomic uint32_t done; /* chunks finished */
  _Atomic int sleepers;
  lane lanes[]; /* (threads) */
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

typedef struct job {
  uint32_t number;
  gt_task task;
  void *argument;
  int64_t n, grain, chunks;
} job;

static bool job_is(const gt_pool *pool, uint32_t number) {
  return atomic_load_explicit(&pool->job, memory_order_acquire) == number;
}

/* The last job published; false while one is being written. */
static bool job_read(const gt_pool *pool, job *out) {
  job j = {.number = atomic_load_explicit(&pool->job, memory_order_acquire)};
  j.task = atomic_load_explicit(&pool->task, memory_order_acquire);
  j.argument = atomic_load_explicit(&pool->argument, memory_order_acquire);
  j.n = atomic_load_explicit(&pool->n, memory_order_acquire);
  j.grain = atomic_load_explicit(&pool->grain, memory_order_acquire);
  j.chunks = atomic_load_explicit(&pool->chunks, memory_order_acquire);
  *out = j;
  return j.number % 2 == 0 && job_is(pool, j.number);
}

static void run_chunk(gt_ctx *cx, const job *j, int64_t chunk) {
  if (gt_stopped(cx)) return;
  int64_t begin = chunk * j->grain;
  j->task(j->argument, begin, j->n - begin < j->grain ? j->n : begin + j->grain);
}

/* Runs what is left of a lane; returns the number of chunks. */
static uint32_t run_lane(gt_pool *pool, const job *j, int which) {
  int64_t first = which * j->chunks / pool->threads, end = (which + 1) * j->chunks / pool->threads;
  lane *own = &pool->lanes[which];
  for (uint32_t count = 0;;) {
    uint64_t ticket = atomic_load_explicit(&own->ticket, memory_order_acquire);
    int64_t chunk = ticket >> 32 == j->number ? (int64_t)(uint32_t)ticket : first;
    if (chunk >= end || !job_is(pool, j->number)) return count;
    uint64_t next = (uint64_t)j->number << 32 | (uint32_t)(chunk + 1);
    if (!atomic_compare_exchange_strong(&own->ticket, &ticket, next)) continue;
    run_chunk(pool->cx, j, chunk);
    count++;
  }
}

/* Runs chunks of the last job until none is left to claim; false when there was none. */
static bool help(gt_pool *pool) {
  job j;
  if (!job_read(pool, &j)) return false;
  uint32_t count = 0;
  inside_chunk = true;
  for (int i = 0; i < pool->threads; i++)
    count += run_lane(pool, &j, (worker_number + i) % pool->threads);
  inside_chunk = false;
  if (count > 0) atomic_fetch_add_explicit(&pool->done, count, memory_order_acq_rel);
  return count > 0;
}

/* `seen` is the job the worker found nothing left of. */
static void sleep_until_work(gt_pool *pool, uint32_t seen) {
  atomic_fetch_add(&pool->sleepers, 1);
  if (!atomic_load(&pool->stop)) futex(&pool->job, FUTEX_WAIT, seen);
  atomic_fetch_sub(&pool->sleepers, 1);
}

static void *work(void *data) {
  worker *self = data;
  gt_pool *pool = self->pool;
  worker_number = self->number;
  int64_t idle_since = now_ns();
  uint32_t seen = 0;
  while (!atomic_load_explicit(&pool->stop, memory_order_acquire)) {
    uint32_t number = atomic_load_explicit(&pool->job, memory_order_acquire);
    if (number != seen && number % 2 == 0) {
      seen = number;
      if (help(pool)) idle_since = now_ns();
    }
    for (int i = 0; i < SPINS_PER_LOOK && job_is(pool, seen); i++) relax();
    if (now_ns() - idle_since < IDLE_NS) continue;
    sleep_until_work(pool, seen);
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
  size_t bytes = sizeof *pool + (size_t)threads * sizeof *pool->lanes;
  if (!gt_fault(cx)) pool = aligned_alloc(_Alignof(gt_pool), bytes);
  worker *workers = gt_calloc(cx, (size_t)threads, sizeof *workers);
  if (pool == NULL || workers == NULL) {
    gt_free(pool);
    gt_free(workers);
    return gt_fail(cx, GT_ENOMEM, "out of memory: a pool of %d threads", threads);
  }
  *pool = (gt_pool){.cx = cx, .threads = threads, .workers = workers};
  for (int i = 0; i < threads; i++) pool->lanes[i] = (lane){0};
  *out = pool;
  return GT_OK;
}

void gt_pool_free(gt_pool *pool) {
  if (pool == NULL) return;
  atomic_store(&pool->stop, true);
  atomic_fetch_add(&pool->job, 1); /* odd: no job, only a reason to look up */
  futex(&pool->job, FUTEX_WAKE, MAX_THREADS);
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

static void publish(gt_pool *pool, const job *j) {
  uint32_t number = atomic_load_explicit(&pool->job, memory_order_relaxed) + 1;
  atomic_store(&pool->job, number);
  atomic_store_explicit(&pool->task, j->task, memory_order_release);
  atomic_store_explicit(&pool->argument, j->argument, memory_order_release);
  atomic_store_explicit(&pool->n, j->n, memory_order_release);
  atomic_store_explicit(&pool->grain, j->grain, memory_order_release);
  atomic_store_explicit(&pool->chunks, j->chunks, memory_order_release);
  atomic_store_explicit(&pool->done, 0, memory_order_relaxed);
  atomic_store(&pool->job, number + 1);
  int64_t sleepers = atomic_load(&pool->sleepers);
  if (sleepers > 0)
    futex(&pool->job, FUTEX_WAKE, (uint32_t)(sleepers < j->chunks ? sleepers : j->chunks - 1));
}

void gt_parallel(gt_ctx *cx, int64_t n, int64_t grain, gt_task task, void *argument) {
  if (n <= 0) return;
  if (grain < 1) grain = 1;
  if (n / grain >= MAX_CHUNKS) grain = n / MAX_CHUNKS + 1;
  job j = {0, task, argument, n, grain, (n + grain - 1) / grain};
  gt_pool *pool = cx->pool;
  if (j.chunks == 1 || pool->threads == 1 || inside_chunk) {
    for (int64_t i = 0; i < j.chunks; i++) run_chunk(cx, &j, i);
    return;
  }
  if (!pool->started) start_workers(pool);
  publish(pool, &j);
  help(pool);
  for (int spins = 0; atomic_load_explicit(&pool->done, memory_order_acquire) != j.chunks;
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
