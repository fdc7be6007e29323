/* loader.c: see loader.h. */
#include "core/data/loader.h"

#include "core/tensor/rng.h"

#include <string.h>

#define ROUNDS 8            /* of the Feistel network */
#define KEY 0x6c6f61646572u /* keeps the loader's streams apart from others with the same seed */
#define PIECE (1 << 16)     /* tokens looked through at a time */

struct gt_loader {
  gt_tokens *tokens;
  gt_loader_settings s;
  int64_t windows; /* to choose from */
  int64_t *begins; /* (windows); NULL: window i begins at i T, or, at random, at i */
  int64_t batches; /* per epoch */
  int64_t *buffer; /* (B T + 1) */
};

/* ---- where windows begin ---- */

static gt_status add_begin(gt_ctx *cx, gt_loader *l, int64_t *room, int64_t at) {
  if (l->windows == *room) {
    *room = *room ? 2 * *room : 1024;
    int64_t *begins = gt_realloc(cx, l->begins, (size_t)*room * sizeof *begins);
    if (!begins) return GT_ENOMEM;
    l->begins = begins;
  }
  l->begins[l->windows++] = at;
  return GT_OK;
}

static gt_status find_begins(gt_ctx *cx, gt_loader *l) {
  const int64_t count = gt_tokens_count(l->tokens), T = l->s.T;
  int64_t room = 0, next = 0; /* the next window begins here or later */
  gt_status status = GT_OK;
  int64_t *ids = gt_malloc(cx, PIECE * sizeof *ids);
  if (!ids) return GT_ENOMEM;
  for (int64_t at = 0; at < count && !status; at += PIECE) {
    int64_t n = count - at < PIECE ? count - at : PIECE;
    if (next >= at + n) continue;
    status = gt_tokens_read(cx, l->tokens, at, n, ids);
    for (int64_t i = next > at ? next - at : 0; i < n && !status; i++) {
      if (ids[i] != l->s.bos || at + i + T >= count) continue;
      status = add_begin(cx, l, &room, at + i);
      next = at + i + T;
      i += T - 1;
    }
  }
  gt_free(ids);
  return status;
}

/* Value number i of a random permutation of [0, n): a Feistel network over the next power of four,
 * applied until the value is inside (Black and Rogaway, "Ciphers with arbitrary finite domains",
 * 2002). Needs no memory and finds any place of any epoch at once. */
static int64_t permuted(uint64_t seed, uint64_t epoch, int64_t n, int64_t i) {
  uint64_t value = (uint64_t)i;
  uint32_t word[4];
  int half = 1;
  while (half < 31 && 1ll << 2 * half < n) half++;
  const uint64_t mask = (1ull << half) - 1;
  do {
    uint64_t left = value >> half, right = value & mask;
    for (uint64_t round = 0; round < ROUNDS; round++) {
      gt_philox(seed ^ KEY, epoch, right * ROUNDS + round, word);
      uint64_t mixed = left ^ (word[0] & mask);
      left = right;
      right = mixed;
    }
    value = left << half | right;
  } while (value >= (uint64_t)n);
  return (int64_t)value;
}

/* Draw number i, uniform in [0, n). */
static int64_t drawn(uint64_t seed, int64_t n, int64_t i) {
  uint32_t word[4];
  gt_philox(seed ^ KEY, 0, (uint64_t)i, word);
  uint64_t bits = (uint64_t)word[0] << 32 | word[1];
  return (int64_t)((unsigned __int128)bits * (uint64_t)n >> 64);
}

/* First token of row b of batch `step`. */
static int64_t begin_of(const gt_loader *l, int64_t step, int64_t b) {
  const int64_t epoch = step / l->batches, B = l->s.B;
  int64_t window = step % l->batches * B + b;
  if (l->s.order == GT_ORDER_SHUFFLED)
    window = permuted(l->s.seed, (uint64_t)epoch, l->windows, window);
  if (l->s.order == GT_ORDER_RANDOM) window = drawn(l->s.seed, l->windows, step * B + b);
  if (l->begins) return l->begins[window];
  return l->s.order == GT_ORDER_RANDOM ? window : window * l->s.T;
}

/* ---- the loader ---- */

static gt_status check(gt_ctx *cx, const gt_tokens *tokens, const gt_loader_settings *s) {
  const int64_t most = 1ll << 40, count = gt_tokens_count(tokens);
  if (s->B < 1 || s->B > most || s->T < 1 || s->T > most || s->B > most / s->T)
    return gt_fail(cx, GT_EARG,
                   "loader: expected B and T above 0, B * T below 2^40, got %lld and %lld",
                   (long long)s->B, (long long)s->T);
  if (s->B * s->T >= count)
    return gt_fail(cx, GT_EARG,
                   "loader: expected at least B * T + 1 = %lld tokens for a batch, got %lld",
                   (long long)s->B * s->T + 1, (long long)count);
  return GT_OK;
}

static gt_status lay_out(gt_ctx *cx, gt_loader *l) {
  const int64_t targets = gt_tokens_count(l->tokens) - 1;
  l->buffer = gt_malloc(cx, (size_t)(l->s.B * l->s.T + 1) * sizeof *l->buffer);
  if (!l->buffer) return GT_ENOMEM;
  l->windows = targets / l->s.T;
  l->batches = l->windows / l->s.B;
  if (l->s.order == GT_ORDER_RANDOM) l->windows = targets - l->s.T + 1;
  if (l->s.bos < 0) return GT_OK;

  l->windows = 0;
  GT_TRY(find_begins(cx, l));
  l->batches = l->windows / l->s.B;
  if (!l->batches)
    return gt_fail(cx, GT_EARG,
                   "loader: expected at least B = %lld windows of T = %lld that begin with token "
                   "%lld, got %lld",
                   (long long)l->s.B, (long long)l->s.T, (long long)l->s.bos,
                   (long long)l->windows);
  return GT_OK;
}

gt_status gt_loader_new(gt_ctx *cx, gt_tokens *tokens, const gt_loader_settings *settings,
                        gt_loader **out) {
  GT_TRY(check(cx, tokens, settings));
  gt_loader *l = gt_calloc(cx, 1, sizeof *l);
  if (!l) return GT_ENOMEM;
  l->tokens = gt_tokens_ref(tokens);
  l->s = *settings;
  gt_status status = lay_out(cx, l);
  if (status)
    gt_loader_free(l);
  else
    *out = l;
  return status;
}

void gt_loader_free(gt_loader *l) {
  if (!l) return;
  gt_tokens_unref(l->tokens);
  gt_free(l->begins);
  gt_free(l->buffer);
  gt_free(l);
}

int64_t gt_loader_batches(const gt_loader *l) { return l->batches; }

const gt_loader_settings *gt_loader_settings_of(const gt_loader *l) { return &l->s; }

gt_status gt_loader_batch(gt_ctx *cx, gt_loader *l, int64_t step, int64_t *x, int64_t *y) {
  const int64_t B = l->s.B, T = l->s.T;
  int64_t begin = begin_of(l, step, 0), next;
  for (int64_t b = 0, rows; b < B; b += rows, begin = next) {
    rows = 0; /* rows that follow each other in the text, read at once */
    do {
      rows++;
      next = b + rows < B ? begin_of(l, step, b + rows) : -1;
    } while (next == begin + rows * T);
    GT_TRY(gt_tokens_read(cx, l->tokens, begin, rows * T + 1, l->buffer));
    memcpy(x + b * T, l->buffer, (size_t)(rows * T) * sizeof *x);
    memcpy(y + b * T, l->buffer + 1, (size_t)(rows * T) * sizeof *y);
  }
  return GT_OK;
}

/* ---- evaluation ---- */

gt_window gt_window_of(const gt_tokens *tokens, int64_t B, int64_t T, int64_t n) {
  const int64_t all = gt_tokens_count(tokens) - 1;
  int64_t at, most;
  if (__builtin_mul_overflow(B, T, &most) || __builtin_mul_overflow(n, most, &at) || at >= all)
    return (gt_window){0};
  int64_t targets = all - at < most ? all - at : most;
  return (gt_window){.at = at, .rows = (targets - 1) / T + 1, .targets = targets};
}

gt_status gt_window_read(gt_ctx *cx, gt_tokens *tokens, const gt_window *window, int64_t T,
                         int64_t *x, int64_t *y) {
  const int64_t n = window->targets;
  GT_TRY(gt_tokens_read(cx, tokens, window->at, n, x));
  GT_TRY(gt_tokens_read(cx, tokens, window->at + 1, n, y));
  for (int64_t i = n; i < window->rows * T; i++) x[i] = 0, y[i] = -1;
  return GT_OK;
}
