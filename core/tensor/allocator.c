/* allocator.c: a caching arena: segments from the device, cut into blocks.
 *
 * Free blocks are kept in bins of two levels (Masmano et al., TLSF, 2004): one row per power of
 * two, 16 bins per row, with bitmaps to find the next one that is not empty; a request takes the
 * smallest block of its own bin that fits, else one of the next larger bin: constant time, close to
 * best fit.  Small and large requests have segments of their own, so that a small block that lives
 * long never sits in the middle of a large free one.  Blocks know their neighbours and merge when
 * freed. All bookkeeping lives outside the device's memory; a hash of addresses finds the block
 * that is given back. */
#include "core/tensor/allocator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#define POISON(data, bytes) ASAN_POISON_MEMORY_REGION(data, bytes)
#define UNPOISON(data, bytes) ASAN_UNPOISON_MEMORY_REGION(data, bytes)
#define GUARD 64 /* never handed out, so that running past a block is seen */
#else
#define POISON(data, bytes) ((void)(data), (void)(bytes))
#define UNPOISON(data, bytes) ((void)(data), (void)(bytes))
#define GUARD 0
#endif

#define GRANULE_BITS 8 /* 256 bytes: cuda's alignment, and four cache lines on the cpu */
#define GRANULE ((size_t)1 << GRANULE_BITS)
#define PAGE ((size_t)2 << 20)
#define SEGMENT ((size_t)32 << 20)
#define LARGE ((size_t)1 << 20) /* from here on a request is large */
#define SPLIT_BITS 4
#define SPLIT (1 << SPLIT_BITS)
#define MOST ((size_t)1 << 48) /* no device has more: sizes below never overflow */
#define ROWS 44                /* bins for up to 2^51 bytes */
#define SEARCH 16              /* blocks looked at in a bin */
#define SLAB 128               /* block records made at a time */
#define TRIES 3                /* requests for a segment: as planned, smallest, after trimming */

typedef struct segment segment;
typedef struct block block;

struct block {
  char *data;
  size_t size;
  segment *home;
  block *before, *after;  /* neighbours in the segment */
  block *bin_prev, *next; /* in a bin; `next` also links unused records */
  bool free;
};

/* The free blocks of small or of large segments. */
typedef struct shelf {
  uint64_t rows; /* bit r: row r has a block */
  uint32_t used[ROWS];
  block *bins[ROWS][SPLIT];
} shelf;

struct segment {
  char *data;
  size_t size;
  shelf *shelf;
  size_t touched; /* bytes from the start that were ever handed out: the rest is as fresh as mmap */
  segment *prev, *next;
};

typedef struct slab {
  struct slab *next;
  block records[SLAB];
} slab;

struct gt_allocator {
  const gt_backend *device;
  gt_memory_stats stats;
  segment *segments;
  slab *slabs;
  block *spare;
  shelf small, large;
  block **table; /* open addressing by address of the blocks in use */
  size_t table_size, table_used;
};

/* ---- bins ---- */

static void bin_of(size_t size, int *row, int *column) {
  size_t units = size >> GRANULE_BITS; /* at least 1 */
  int top = 63 - __builtin_clzll(units);
  if (top < SPLIT_BITS) { /* fewer units than columns: one bin per size */
    *row = 0;
    *column = (int)units;
  } else {
    *row = top - SPLIT_BITS + 1;
    *column = (int)(units >> (top - SPLIT_BITS)) - SPLIT;
  }
}

static void bin_insert(block *b) {
  shelf *f = b->home->shelf;
  int row, column;
  bin_of(b->size, &row, &column);
  b->free = true;
  b->bin_prev = NULL;
  b->next = f->bins[row][column];
  if (b->next != NULL) b->next->bin_prev = b;
  f->bins[row][column] = b;
  f->used[row] |= 1u << column;
  f->rows |= (uint64_t)1 << row;
}

static void bin_remove(block *b) {
  b->free = false;
  if (b->next != NULL) b->next->bin_prev = b->bin_prev;
  if (b->bin_prev != NULL) {
    b->bin_prev->next = b->next;
    return;
  }
  shelf *f = b->home->shelf;
  int row, column;
  bin_of(b->size, &row, &column);
  f->bins[row][column] = b->next;
  if (b->next != NULL) return;
  f->used[row] &= ~(1u << column);
  if (f->used[row] == 0) f->rows &= ~((uint64_t)1 << row);
}

static block *bin_find(const shelf *f, size_t size) {
  int row, column, seen = 0;
  bin_of(size, &row, &column);
  block *best = NULL;
  for (block *b = f->bins[row][column]; b != NULL && seen < SEARCH; b = b->next, seen++) {
    if (b->size == size) return b;
    if (b->size > size && (best == NULL || b->size < best->size)) best = b;
  }
  if (best != NULL) return best;
  uint32_t rest = f->used[row] & ~((2u << column) - 1u);
  if (rest == 0) {
    uint64_t rows = f->rows & ~(((uint64_t)2 << row) - 1u);
    if (rows == 0) return NULL;
    row = __builtin_ctzll(rows);
    rest = f->used[row];
  }
  return f->bins[row][__builtin_ctz(rest)];
}

/* ---- block records and the table of blocks in use ---- */

static block *record_new(gt_ctx *cx, gt_allocator *a) {
  if (a->spare == NULL) {
    slab *s = gt_malloc(cx, sizeof *s);
    if (s == NULL) return NULL;
    s->next = a->slabs;
    a->slabs = s;
    for (int i = 0; i < SLAB; i++) {
      s->records[i].next = a->spare;
      a->spare = &s->records[i];
    }
  }
  block *b = a->spare;
  a->spare = b->next;
  *b = (block){0};
  return b;
}

static void record_free(gt_allocator *a, block *b) {
  b->next = a->spare;
  a->spare = b;
}

static size_t slot_of(const gt_allocator *a, const void *data) {
  uint64_t h = ((uint64_t)(uintptr_t)data >> GRANULE_BITS) * 0x9E3779B97F4A7C15u;
  return (size_t)(h >> 32) & (a->table_size - 1);
}

static void table_insert(gt_allocator *a, block *b) {
  size_t slot = slot_of(a, b->data);
  while (a->table[slot] != NULL) slot = (slot + 1) & (a->table_size - 1);
  a->table[slot] = b;
  a->table_used++;
}

/* Takes the block at this address out of the table; later members of the run move up. */
static block *table_take(gt_allocator *a, const void *data) {
  size_t mask = a->table_size - 1, hole = slot_of(a, data);
  while (a->table[hole] != NULL && a->table[hole]->data != data) hole = (hole + 1) & mask;
  block *found = a->table[hole];
  if (found == NULL) return NULL;
  for (size_t at = (hole + 1) & mask; a->table[at] != NULL; at = (at + 1) & mask) {
    size_t home = slot_of(a, a->table[at]->data);
    if (((at - home) & mask) < ((at - hole) & mask)) continue;
    a->table[hole] = a->table[at];
    hole = at;
  }
  a->table[hole] = NULL;
  a->table_used--;
  return found;
}

static gt_status table_reserve(gt_ctx *cx, gt_allocator *a) {
  if (2 * (a->table_used + 1) <= a->table_size) return GT_OK;
  size_t old_size = a->table_size, size = old_size > 0 ? 2 * old_size : 1024;
  block **old = a->table, **table = gt_calloc(cx, size, sizeof *table);
  if (table == NULL) return GT_ENOMEM;
  a->table = table;
  a->table_size = size;
  a->table_used = 0;
  for (size_t i = 0; i < old_size; i++) {
    if (old[i] != NULL) table_insert(a, old[i]);
  }
  gt_free(old);
  return GT_OK;
}

/* ---- segments ---- */

static void segment_release(gt_ctx *cx, gt_allocator *a, segment *s) {
  if (s->prev != NULL) s->prev->next = s->next;
  if (s->next != NULL) s->next->prev = s->prev;
  if (a->segments == s) a->segments = s->next;
  a->stats.cached -= s->size;
  UNPOISON(s->data, s->size);
  a->device->release(cx, a->device, s->data, s->size);
  gt_free(s);
}

/* Gives the segments back in which nothing is in use. */
static void trim_shelf(gt_ctx *cx, gt_allocator *a, shelf *f) {
  for (int bin = 0; bin < ROWS * SPLIT; bin++) {
    for (block *b = f->bins[bin / SPLIT][bin % SPLIT], *next; b != NULL; b = next) {
      next = b->next;
      if (b->size != b->home->size) continue;
      bin_remove(b);
      segment_release(cx, a, b->home);
      record_free(a, b);
    }
  }
}

static void trim(gt_ctx *cx, gt_allocator *a) {
  trim_shelf(cx, a, &a->small);
  trim_shelf(cx, a, &a->large);
}

/* Fails when the device has not room for a segment of `size` bytes for a request of `bytes`. */
static gt_status check_room(gt_ctx *cx, const gt_allocator *a, size_t bytes, size_t size) {
  size_t available = 0, total = 0;
  GT_TRY(a->device->memory(cx, a->device, &available, &total));
  if (size <= available) return GT_OK;
  return gt_fail(cx, GT_ENOMEM,
                 "%s: out of memory: wanted %.1f MB, %.1f of %.1f MB are free (%.1f MB are in use"
                 " here)",
                 a->device->name, (double)bytes / 1e6, (double)available / 1e6, (double)total / 1e6,
                 (double)a->stats.live / 1e6);
}

/* One free block that fills a new segment of `size` bytes, for a request of `bytes`. */
static gt_status segment_new(gt_ctx *cx, gt_allocator *a, shelf *f, size_t bytes, size_t size,
                             block **out) {
  GT_TRY(check_room(cx, a, bytes, size));
  segment *s = gt_calloc(cx, 1, sizeof *s);
  block *b = record_new(cx, a);
  void *data = NULL;
  if (s == NULL || b == NULL || a->device->alloc(cx, a->device, size, &data) != GT_OK) {
    gt_free(s);
    if (b != NULL) record_free(a, b);
    return GT_ENOMEM;
  }
  s->data = data;
  s->size = size;
  s->shelf = f;
  s->next = a->segments;
  if (s->next != NULL) s->next->prev = s;
  a->segments = s;
  a->stats.cached += size;
  *b = (block){.data = data, .size = size, .home = s};
  POISON(data, size);
  bin_insert(b);
  *out = b;
  return GT_OK;
}

static gt_status grow(gt_ctx *cx, gt_allocator *a, shelf *f, size_t bytes, size_t size,
                      block **out) {
  size_t exact = (size + PAGE - 1) & ~(PAGE - 1);
  size_t planned = exact > SEGMENT ? exact : SEGMENT;
  gt_status status = GT_ENOMEM;
  for (int attempt = 0; attempt < TRIES && status == GT_ENOMEM; attempt++) {
    if (attempt == TRIES - 1) trim(cx, a);
    status = segment_new(cx, a, f, bytes, attempt == 0 ? planned : exact, out);
  }
  return status;
}

/* ---- public ---- */

gt_status gt_allocator_new(gt_ctx *cx, const gt_backend *device, gt_allocator **out) {
  gt_allocator *a = gt_calloc(cx, 1, sizeof *a);
  if (a == NULL) return GT_ENOMEM;
  a->device = device;
  *out = a;
  return GT_OK;
}

void gt_allocator_free(gt_ctx *cx, gt_allocator *a) {
  if (a == NULL) return;
  while (a->segments != NULL) segment_release(cx, a, a->segments);
  for (slab *s = a->slabs, *next; s != NULL; s = next) {
    next = s->next;
    gt_free(s);
  }
  gt_free(a->table);
  gt_free(a);
}

/* Bytes of the block for a request. */
static size_t block_size(size_t bytes) {
  size_t size = (bytes + GUARD + GRANULE - 1) & ~(GRANULE - 1);
  return size > 0 ? size : GRANULE;
}

static void count_in(gt_allocator *a, size_t size) {
  a->stats.live += size;
  a->stats.allocations++;
  if (a->stats.live > a->stats.peak) a->stats.peak = a->stats.live;
}

static gt_status allocate(gt_ctx *cx, gt_allocator *a, size_t bytes, bool *fresh, void **out) {
  if (gt_fault(cx))
    return gt_fail(cx, GT_ENOMEM, "%s: out of memory: %zu bytes", a->device->name, bytes);
  if (bytes > MOST) return check_room(cx, a, bytes, SIZE_MAX);
  size_t size = block_size(bytes);
  GT_TRY(table_reserve(cx, a));
  shelf *f = size < LARGE ? &a->small : &a->large;
  block *b = bin_find(f, size);
  if (b == NULL) GT_TRY(grow(cx, a, f, bytes, size, &b));
  if (b->size > size) {
    block *rest = record_new(cx, a);
    if (rest == NULL) return GT_ENOMEM;
    bin_remove(b);
    *rest = (block){.data = b->data + size, .size = b->size - size, .home = b->home};
    rest->before = b;
    rest->after = b->after;
    if (rest->after != NULL) rest->after->before = rest;
    b->after = rest;
    b->size = size;
    bin_insert(rest);
  } else {
    bin_remove(b);
  }
  table_insert(a, b);
  segment *s = b->home;
  size_t begin = (size_t)(b->data - s->data);
  *fresh = begin >= s->touched;
  if (begin + size > s->touched) s->touched = begin + size;
  count_in(a, size);
  UNPOISON(b->data, bytes);
  *out = b->data;
  return GT_OK;
}

/* Nothing but counting, as far as Lua's integers go: beyond, the numbers would be wrong. */
static gt_status count_only(gt_ctx *cx, const gt_backend *device, size_t bytes, void **out) {
  gt_allocator *a = cx->allocators[device->slot];
  if (bytes > INT64_MAX - GRANULE || block_size(bytes) > INT64_MAX - a->stats.live)
    return gt_fail(cx, GT_ENOMEM, "%s: expected less than 2^63 bytes in all tensors, got %zu more",
                   device->name, bytes);
  count_in(a, block_size(bytes));
  *out = NULL;
  return GT_OK;
}

gt_status gt_allocate(gt_ctx *cx, const gt_backend *device, size_t bytes, void **out) {
  bool fresh = false;
  if (!device->data) return count_only(cx, device, bytes, out);
  return allocate(cx, cx->allocators[device->slot], bytes, &fresh, out);
}

gt_status gt_allocate_zeros(gt_ctx *cx, const gt_backend *device, size_t bytes, void **out) {
  bool fresh = false;
  void *data = NULL;
  if (!device->data) return count_only(cx, device, bytes, out);
  GT_TRY(allocate(cx, cx->allocators[device->slot], bytes, &fresh, &data));
  if (!(fresh && device->host) && bytes > 0) {
    static const gt_filling zeros = {.distribution = GT_CONSTANT};
    gt_status status = device->fill(cx, device, data, GT_U8, (int64_t)bytes, &zeros);
    if (status != GT_OK) {
      gt_deallocate(cx, device, data, bytes);
      return status;
    }
  }
  *out = data;
  return GT_OK;
}

void gt_deallocate(gt_ctx *cx, const gt_backend *device, void *data, size_t bytes) {
  gt_allocator *a = cx->allocators[device->slot];
  if (!device->data) a->stats.live -= block_size(bytes);
  if (data == NULL) return;
  block *b = a->table != NULL ? table_take(a, data) : NULL;
  if (b == NULL) return;
  a->stats.live -= b->size;
  POISON(b->data, b->size);
  block *before = b->before, *after = b->after;
  if (after != NULL && after->free) {
    bin_remove(after);
    b->size += after->size;
    b->after = after->after;
    if (b->after != NULL) b->after->before = b;
    record_free(a, after);
  }
  if (before != NULL && before->free) {
    bin_remove(before);
    before->size += b->size;
    before->after = b->after;
    if (before->after != NULL) before->after->before = before;
    record_free(a, b);
    b = before;
  }
  bin_insert(b);
}

gt_memory_stats gt_memory(const gt_ctx *cx, const gt_backend *device) {
  return cx->allocators[device->slot]->stats;
}

void gt_memory_reset_peak(gt_ctx *cx, const gt_backend *device) {
  gt_memory_stats *stats = &cx->allocators[device->slot]->stats;
  stats->peak = stats->live;
}

void gt_memory_trim(gt_ctx *cx, const gt_backend *device) {
  trim(cx, cx->allocators[device->slot]);
}
