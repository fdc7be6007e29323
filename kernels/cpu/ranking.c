/* ranking.c: ranking by keys.  Every value becomes an unsigned key whose order is the wanted one;
 * full lines are radix-sorted by bytes (stable, from the lowest byte), short prefixes picked with a
 * heap.
 */
#ifndef real
#include "kernels/cpu/ranking.h"

#include "core/tensor/pool.h"
#include "kernels/cpu/cpu.h"
#include "kernels/op/ranking.h"

enum {
  GRAIN = 4096,
  SHORT = 48, /* lines up to this long are sorted by insertion */
};

typedef struct ranked {
  uint64_t key;
  int64_t at;
} ranked;

typedef struct order_plan {
  const gt_ctx *cx;
  gt_axis axis;
  int64_t k;
  bool descending;
  const void *x /* (outer, size, inner) */;
  void *values /* (outer, k, inner) */;
  int64_t *indices;
  ranked *room /* (chunks, 2, size), or (workers, 2, size) when those are fewer */;
  int64_t grain; /* lines of a chunk; 0: a worker's room is its own */
} order_plan;

static bool before(const ranked *a, const ranked *b) {
  return a->key < b->key || (a->key == b->key && a->at < b->at);
}

static int64_t piece_end(int64_t at, int64_t n) {
  return n - at < GT_POLL_STEP ? n : at + GT_POLL_STEP;
}

/* Sorts a (n) by the low `bytes` bytes of its keys; spare (n) is working room.  Returns where the
 * result is; when interrupted some order of them. */
static ranked *radix_sort(const gt_ctx *cx, ranked *a, ranked *spare, int64_t n, int bytes) {
  int64_t count[8][256] = {{0}};
  for (int64_t at = 0; at < n && !gt_stopped(cx); at = piece_end(at, n))
    for (int64_t i = at; i < piece_end(at, n); i++)
      for (int b = 0; b < bytes; b++) count[b][a[i].key >> (8 * b) & 255]++;
  if (gt_stopped(cx)) return a;
  for (int b = 0; b < bytes; b++) {
    if (count[b][a[0].key >> (8 * b) & 255] == n) continue; /* all equal in this byte */
    int64_t start = 0;
    for (int digit = 0; digit < 256; digit++) {
      int64_t size = count[b][digit];
      count[b][digit] = start;
      start += size;
    }
    for (int64_t at = 0; at < n; at = piece_end(at, n)) {
      if (gt_stopped(cx)) return a;
      for (int64_t i = at; i < piece_end(at, n); i++)
        spare[count[b][a[i].key >> (8 * b) & 255]++] = a[i];
    }
    ranked *sorted = spare;
    spare = a;
    a = sorted;
  }
  return a;
}

static void insertion_sort(ranked *a, int64_t n) {
  for (int64_t i = 1; i < n; i++) {
    ranked one = a[i];
    int64_t at = i;
    for (; at > 0 && before(&one, &a[at - 1]); at--) a[at] = a[at - 1];
    a[at] = one;
  }
}

/* Restores the heap (last in order on top) below position i. */
static void sift(ranked *heap, int64_t n, int64_t i) {
  ranked one = heap[i];
  for (int64_t child; (child = 2 * i + 1) < n; i = child) {
    if (child + 1 < n && before(&heap[child], &heap[child + 1])) child++;
    if (!before(&one, &heap[child])) break;
    heap[i] = heap[child];
  }
  heap[i] = one;
}

/* Puts the k of a heap in order. */
static void heap_sort(const gt_ctx *cx, ranked *heap, int64_t k) {
  for (int64_t last = k - 1; last > 0; last--) {
    if (last % GT_POLL_STEP == 0 && gt_stopped(cx)) return;
    ranked top = heap[0];
    heap[0] = heap[last];
    heap[last] = top;
    sift(heap, last, 0);
  }
}

#define GT_TYPED_I64
#include "kernels/op/typed.h"

gt_status gt_cpu_rank(gt_call *c, bool descending) {
  int dim;
  GT_TRY(gt_ranked_dim(c, &dim));
  gt_spec x = gt_spec_of(c->in[0]);
  order_plan p = {.cx = c->cx,
                  .axis = gt_axis_at(&x, dim),
                  .k = gt_axis_at(&c->spec[0], dim).size,
                  .descending = descending,
                  .x = gt_data(c->in[0]),
                  .values = gt_data(c->out[0]),
                  .indices = gt_data(c->out[1])};
  int64_t n = p.axis.size, lines = p.axis.outer * p.axis.inner;
  if (n == 0 || p.k == 0 || lines == 0) return GT_OK;
  void *room;
  int64_t grain = GRAIN / n + 1, rooms = gt_parts(lines, grain);
  if (rooms > gt_pool_threads(c->cx))
    rooms = gt_pool_threads(c->cx);
  else
    p.grain = grain;
  GT_TRY(gt_scratch(c->cx, c->device, (size_t)rooms * 2 * (size_t)n * sizeof(ranked), &room));
  p.room = room;
  gt_parallel(c->cx, lines, grain, GT_PICK(c, order_lines), &p);
  return GT_OK;
}

#else

/* Smaller keys for smaller values; one key for both zeros; NaN above all. */
static uint64_t T(key)(real value) {
#if REAL_IS_INTEGER
  return (uint64_t)value ^ 1ull << 63;
#else
  const int bits = 8 * (int)sizeof(real);
  const uint64_t sign = 1ull << (bits - 1), all = sign | (sign - 1);
  uint64_t word = 0;
  if (value != value) return all;
  value += 0; /* -0 becomes 0 */
  memcpy(&word, &value, sizeof value);
  return word & sign ? ~word & all : word | sign;
#endif
}

enum { T(BLOCK) = 16 };

/* True when none of BLOCK values at x can come before limit (NaN may: its key decides). */
static bool T(all_behind)(const real *x, real limit, bool descending) {
  int candidates = 0;
  if (descending)
    for (int j = 0; j < T(BLOCK); j++) candidates |= !(x[j] <= limit);
  else
    for (int j = 0; j < T(BLOCK); j++) candidates |= !(x[j] >= limit);
  return !candidates;
}

/* The first k of a line, in order, in room (2 n). */
static const ranked *T(first_of)(const order_plan *p, const real *x, ranked *room) {
  int64_t n = p->axis.size, step = p->axis.inner, k = p->k;
  const uint64_t flip = !p->descending ? 0 : sizeof(real) == 4 ? 0xffffffffu : ~0ull;
  bool all = n <= SHORT || k > n / 16;
  for (int64_t i = 0; i < (all ? n : k); i++) {
    if (i % GT_POLL_STEP == 0 && gt_stopped(p->cx)) return NULL;
    room[i] = (ranked){T(key)(x[i * step]) ^ flip, i};
  }
  if (n <= SHORT) insertion_sort(room, n);
  if (n <= SHORT) return room;
  if (all) return radix_sort(p->cx, room, room + n, n, (int)sizeof(real));
  for (int64_t i = k / 2 - 1; i >= 0; i--) sift(room, k, i);
  for (int64_t i = k; i < n;) {
    if (i % GT_POLL_STEP < T(BLOCK) && gt_stopped(p->cx)) return NULL;
    int64_t stop = i + T(BLOCK) < n ? i + T(BLOCK) : n;
    bool whole = step == 1 && stop - i == T(BLOCK);
    if (whole && T(all_behind)(x + i, x[room[0].at], p->descending)) i = stop;
    for (; i < stop; i++) {
      uint64_t key = T(key)(x[i * step]) ^ flip;
      if (key >= room[0].key) continue; /* of equals the earlier one stays */
      room[0] = (ranked){key, i};
      sift(room, k, 0);
    }
  }
  heap_sort(p->cx, room, k);
  return room;
}

static void T(order_lines)(void *argument, int64_t begin, int64_t end) {
  const order_plan *p = argument;
  int64_t n = p->axis.size, inner = p->axis.inner;
  ranked *room = p->room + 2 * n * (p->grain ? begin / p->grain : gt_worker());
  for (int64_t line = begin; line < end; line++) {
    int64_t outer = line / inner, rest = line % inner;
    const real *x = (const real *)p->x + outer * n * inner + rest;
    const ranked *first = T(first_of)(p, x, room);
    if (gt_stopped(p->cx)) return;
    int64_t to = outer * p->k * inner + rest;
    real *values = (real *)p->values + to;
    int64_t *indices = p->indices + to;
    for (int64_t i = 0; i < p->k; i++) {
      if (i % GT_POLL_STEP == 0 && gt_stopped(p->cx)) return;
      indices[i * inner] = first[i].at;
      values[i * inner] = x[first[i].at * inner];
    }
  }
}
#endif
