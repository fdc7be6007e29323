/* tokens.c: see tokens.h.  A sequence is a row of parts, each in memory or in one shard; a view is
 * an offset into another sequence. */
#include "core/data/tokens.h"

#include "core/data/atomic.h"

#include <string.h>

#define OPEN_MOST 32    /* shards with a descriptor at a time */
#define PIECE (1 << 16) /* ids handled at a time where all are */
#define COUNT_MOST (1ll << 40)

typedef struct part {
  int64_t begin, count; /* where its ids are in the sequence */
  void *memory;         /* NULL: in the shard */
  int64_t room;         /* ids that fit into memory */
  gt_shard shard;
  uint64_t used; /* when it was last read */
} part;

struct gt_tokens {
  int refs;
  gt_tokens *base; /* of a view */
  int64_t first, count, vocab_size;
  int width; /* bytes of an id in memory */
  part *parts;
  int part_count, open_count;
  uint64_t clock;
};

gt_status gt_tokens_new(gt_ctx *cx, int64_t vocab_size, gt_tokens **out) {
  gt_tokens *t = gt_calloc(cx, 1, sizeof *t);
  if (!t) return GT_ENOMEM;
  t->refs = 1;
  t->vocab_size = vocab_size;
  t->width = vocab_size <= 1 << 8 ? 1 : vocab_size <= 1 << 16 ? 2 : 4;
  *out = t;
  return GT_OK;
}

gt_tokens *gt_tokens_ref(gt_tokens *t) {
  t->refs++;
  return t;
}

void gt_tokens_unref(gt_tokens *t) {
  if (!t || --t->refs) return;
  for (int i = 0; i < t->part_count; i++) {
    if (!t->parts[i].memory) gt_shard_close(&t->parts[i].shard);
    gt_free(t->parts[i].memory);
  }
  gt_free(t->parts);
  gt_tokens_unref(t->base);
  gt_free(t);
}

gt_status gt_tokens_view(gt_ctx *cx, gt_tokens *t, int64_t begin, int64_t end, gt_tokens **out) {
  gt_tokens *view;
  if (begin < 0 || begin > end || end > t->count)
    return gt_fail(cx, GT_EINDEX, "tokens: expected 0 <= begin <= end <= %lld, got %lld and %lld",
                   (long long)t->count, (long long)begin, (long long)end);
  GT_TRY(gt_tokens_new(cx, 0, &view));
  view->base = gt_tokens_ref(t->base ? t->base : t);
  view->first = t->first + begin;
  view->count = end - begin;
  *out = view;
  return GT_OK;
}

int64_t gt_tokens_count(const gt_tokens *t) { return t->count; }

int64_t gt_tokens_vocab(const gt_tokens *t) {
  return t->base ? t->base->vocab_size : t->vocab_size;
}

void gt_tokens_set_vocab(gt_tokens *t, int64_t vocab_size) { t->vocab_size = vocab_size; }

/* ---- making ---- */

static gt_status add_part(gt_ctx *cx, gt_tokens *t, part **out) {
  part *parts = gt_realloc(cx, t->parts, ((size_t)t->part_count + 1) * sizeof *parts);
  if (!parts) return GT_ENOMEM;
  t->parts = parts;
  *out = &parts[t->part_count];
  **out = (part){.begin = t->count, .shard = {.file = {.fd = -1}}};
  t->part_count++;
  return GT_OK;
}

/* Room for n more ids in memory at the end of the sequence. */
static gt_status reserve(gt_ctx *cx, gt_tokens *t, int64_t n, part **out) {
  part *p = t->part_count ? &t->parts[t->part_count - 1] : NULL;
  if (n > COUNT_MOST - t->count)
    return gt_fail(cx, GT_EARG, "tokens: expected at most 2^40 of them");
  if (!p || !p->memory) GT_TRY(add_part(cx, t, &p));
  if (p->count + n > p->room || !p->memory) {
    int64_t room = p->count + n > 2 * p->room ? p->count + n : 2 * p->room;
    void *memory = gt_realloc(cx, p->memory, (size_t)(room * t->width) + 1);
    if (!memory) return GT_ENOMEM;
    p->memory = memory;
    p->room = room;
  }
  *out = p;
  return GT_OK;
}

static void appended(gt_tokens *t, part *p, int64_t n) {
  p->count += n;
  t->count += n;
}

gt_status gt_tokens_append(gt_ctx *cx, gt_tokens *t, const int32_t *ids, int64_t n) {
  int64_t piece[1024];
  part *p;
  for (int64_t i = 0; i < n; i++)
    if (ids[i] < 0 || ids[i] >= t->vocab_size)
      return gt_fail(cx, GT_EINDEX, "tokens: expected ids from 0 to %lld, got %d",
                     (long long)t->vocab_size - 1, (int)ids[i]);
  GT_TRY(reserve(cx, t, n, &p));
  for (int64_t done = 0, now; done < n; done += now) {
    now = n - done < 1024 ? n - done : 1024;
    for (int64_t i = 0; i < now; i++) piece[i] = ids[done + i];
    gt_ids_narrow(t->width, piece, now, (char *)p->memory + p->count * t->width);
    appended(t, p, now);
  }
  return GT_OK;
}

gt_status gt_tokens_append_bytes(gt_ctx *cx, gt_tokens *t, const unsigned char *ids, int64_t n) {
  int32_t piece[1024];
  part *p;
  if (t->width == 1 && t->vocab_size == 256) {
    GT_TRY(reserve(cx, t, n, &p));
    memcpy((char *)p->memory + p->count, ids, (size_t)n);
    appended(t, p, n);
    return GT_OK;
  }
  for (int64_t done = 0; done < n;) {
    int64_t now = n - done < 1024 ? n - done : 1024;
    for (int64_t i = 0; i < now; i++) piece[i] = ids[done + i];
    GT_TRY(gt_tokens_append(cx, t, piece, now));
    done += now;
  }
  return GT_OK;
}

/* At most OPEN_MOST shards keep their descriptor: the one not read for longest gives it up. */
static void close_one(gt_tokens *t) {
  part *oldest = NULL;
  for (int i = 0; i < t->part_count; i++) {
    part *p = &t->parts[i];
    if (!p->memory && p->shard.file.fd >= 0 && (!oldest || p->used < oldest->used)) oldest = p;
  }
  gt_file_suspend(&oldest->shard.file);
  t->open_count--;
}

gt_status gt_tokens_append_shard(gt_ctx *cx, gt_tokens *t, const char *path,
                                 gt_shard_format format) {
  gt_shard shard;
  part *p = NULL;
  if (t->open_count == OPEN_MOST) close_one(t);
  GT_TRY(gt_shard_open(cx, path, format, &shard));
  gt_status status = shard.count > COUNT_MOST - t->count
                         ? gt_fail(cx, GT_EARG, "tokens: expected at most 2^40 of them")
                         : add_part(cx, t, &p);
  if (status) {
    gt_shard_close(&shard);
    return status;
  }
  p->shard = shard;
  p->used = ++t->clock;
  t->open_count++;
  appended(t, p, shard.count);
  return GT_OK;
}

/* ---- reading ---- */

/* Index of the part that holds token `at` of a sequence that is not a view. */
static int find_part(const gt_tokens *t, int64_t at) {
  int low = 0, high = t->part_count - 1;
  while (low < high) {
    int middle = (low + high + 1) / 2;
    if (t->parts[middle].begin <= at)
      low = middle;
    else
      high = middle - 1;
  }
  return low;
}

static gt_status resume(gt_ctx *cx, gt_tokens *t, part *p) {
  p->used = ++t->clock;
  if (p->shard.file.fd >= 0) return GT_OK;
  if (t->open_count == OPEN_MOST) close_one(t);
  GT_TRY(gt_file_resume(cx, &p->shard.file));
  t->open_count++;
  return GT_OK;
}

static int64_t largest_of(const int64_t *ids, int64_t n) {
  int64_t largest = 0;
  for (int64_t i = 0; i < n; i++) largest = ids[i] > largest ? ids[i] : largest;
  return largest;
}

/* Names the first id that is not below the vocabulary. */
static gt_status bad_id(gt_ctx *cx, const gt_tokens *t, const part *p, int64_t at,
                        const int64_t *ids) {
  while (*ids < t->vocab_size) ids++, at++;
  return gt_fail(cx, GT_EFORMAT, "%s: offset %lld: expected ids below %lld, got %lld",
                 p->shard.file.path, (long long)p->shard.offset + at * p->shard.width,
                 (long long)t->vocab_size, (long long)*ids);
}

/* `at` counts from the begin of the part. */
static gt_status read_part(gt_ctx *cx, gt_tokens *t, part *p, int64_t at, int64_t n, int64_t *out) {
  if (p->memory) {
    gt_ids_widen(t->width, (const char *)p->memory + at * t->width, n, out);
    return GT_OK;
  }
  GT_TRY(resume(cx, t, p));
  GT_TRY(gt_file_unchanged(cx, &p->shard.file));
  GT_TRY(gt_shard_read(cx, &p->shard, at, n, out));
  if (t->vocab_size && largest_of(out, n) >= t->vocab_size) return bad_id(cx, t, p, at, out);
  return GT_OK;
}

gt_status gt_tokens_read(gt_ctx *cx, gt_tokens *t, int64_t at, int64_t count, int64_t *out) {
  if (at < 0 || count < 0 || count > t->count || at > t->count - count)
    return gt_fail(cx, GT_EINDEX, "tokens: expected positions from 0 to %lld, got %lld to %lld",
                   (long long)t->count, (long long)at, (long long)at + count);
  at += t->first;
  if (t->base) t = t->base;
  for (int i = count ? find_part(t, at) : 0; count; i++) {
    part *p = &t->parts[i];
    int64_t rest = p->begin + p->count - at, n = count < rest ? count : rest;
    GT_TRY(read_part(cx, t, p, at - p->begin, n, out));
    at += n;
    out += n;
    count -= n;
  }
  return GT_OK;
}

/* ---- shards ---- */

int gt_tokens_shards(const gt_tokens *t) {
  int n = 0;
  for (int i = 0; i < t->part_count; i++) n += !t->parts[i].memory;
  return n;
}

static part *shard_part(const gt_tokens *t, int i) {
  part *p = t->parts;
  for (; p->memory || i--; p++) continue;
  return p;
}

const gt_shard *gt_tokens_shard(const gt_tokens *t, int i) { return &shard_part(t, i)->shard; }

gt_status gt_tokens_verify(gt_ctx *cx, gt_tokens *t, int i, int64_t *largest) {
  const part *p = shard_part(t, i);
  int64_t most = 0;
  gt_status status = GT_OK;
  int64_t *piece = gt_malloc(cx, PIECE * sizeof *piece);
  if (!piece) return GT_ENOMEM;
  for (int64_t at = 0; at < p->count && !status; at += PIECE) {
    int64_t n = p->count - at < PIECE ? p->count - at : PIECE;
    status = gt_tokens_read(cx, t, p->begin + at, n, piece);
    if (status) break;
    int64_t here = largest_of(piece, n);
    most = here > most ? here : most;
  }
  gt_free(piece);
  if (!status) *largest = most;
  return status;
}

static gt_status write_all(gt_ctx *cx, gt_tokens *t, gt_shard_format format, gt_atomic *file,
                           int64_t *ids, void *narrow) {
  unsigned char header[GT_SHARD_HEADER];
  size_t size;
  const int width = gt_shard_largest(format) == UINT16_MAX ? 2 : 4;
  GT_TRY(gt_shard_header(cx, format, t->count, header, &size));
  GT_TRY(gt_atomic_write(cx, file, header, size));
  for (int64_t at = 0; at < t->count; at += PIECE) {
    int64_t n = t->count - at < PIECE ? t->count - at : PIECE;
    GT_TRY(gt_tokens_read(cx, t, at, n, ids));
    if (largest_of(ids, n) > gt_shard_largest(format))
      return gt_fail(cx, GT_EARG, "save: expected ids up to %lld in a '%s' shard, got %lld",
                     (long long)gt_shard_largest(format), gt_shard_format_name(format),
                     (long long)largest_of(ids, n));
    gt_ids_narrow(width, ids, n, narrow);
    GT_TRY(gt_atomic_write(cx, file, narrow, (size_t)(n * width)));
  }
  return GT_OK;
}

gt_status gt_tokens_save(gt_ctx *cx, gt_tokens *t, const char *path, gt_shard_format format) {
  gt_atomic file;
  if (!t->count) return gt_fail(cx, GT_EARG, "save: expected at least one token, got none");
  int64_t *ids = gt_malloc(cx, PIECE * (sizeof *ids + sizeof(uint32_t)));
  if (!ids) return GT_ENOMEM;
  gt_status status = gt_atomic_open(cx, path, &file);
  if (!status) {
    status = write_all(cx, t, format, &file, ids, ids + PIECE);
    if (status)
      gt_atomic_abort(&file);
    else
      status = gt_atomic_commit(cx, &file);
  }
  gt_free(ids);
  return status;
}
