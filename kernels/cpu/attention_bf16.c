/* attention_bf16.c: attention of bf16 tensors by the products of bf16.h, block by block as in
 * attention_forward.c and attention_backward.c: scores, sums and lse are f32; P and dS are rounded
 * to bf16 before they are multiplied.
 *
 * The backward makes blocks of S^T = K Q^T and dP^T = V dY^T: so P^T and dS^T lie in memory as
 * dV += P^T dY, dK += dS^T Q and dQ^T += K^T dS^T read them.
 *
 * Tokens and channels are filled up with zeros to multiples of TILE. */
#include "kernels/cpu/attention.h"
#include "kernels/cpu/bf16.h"
#include "kernels/op/attributes.h"

#include <math.h>

#if GT_BF16_PRODUCTS

enum {
  TILE = 32,
  BLOCK = 128,          /* keys and queries of a block of the backward */
  LDP = KEYS + TILE,    /* row stride of a block of P: rows are not to share sets of the cache */
  LDB = BLOCK + TILE,   /* the same in the backward */
  LANES = GT_BF16_LANES /* of a vector of f32 */
};

bool gt_cpu_attention_is_bf16(const gt_call *c) {
  int heads = c->attr[GT_ATTENTION_LAYOUT].i == GT_ATTENTION_BHTD ? 1 : 2;
  for (int i = 0; i < 3; i++)
    if (c->in_spec[i].dtype != GT_BF16) return false;
  return c->in_spec[0].shape[3 - heads] > 1 && !(c->attr[GT_ATTENTION_DROPOUT].f > 0);
}

static int64_t filled(int64_t n) { return gt_round_up(n, TILE); }
static int64_t row_of(const gt_attention_job *j) { return filled(j->D) + TILE; } /* its stride */

/* The n tokens of a head as rows, filled up. */
static void load_rows(const gt_attention_job *j, const void *x, const gt_token_strides *at,
                      int64_t batch, int64_t head, int64_t n, uint16_t *rows) {
  const uint16_t *from = (const uint16_t *)x + batch * at->batch + head * at->head;
  int64_t ld = row_of(j), D = j->D;
  for (int64_t t = 0; t < n; t++, from += at->token, rows += ld) {
    if (at->channel == 1) {
      memcpy(rows, from, (size_t)D * sizeof *rows);
    } else {
      for (int64_t d = 0; d < D; d++) rows[d] = from[d * at->channel];
    }
    memset(rows + D, 0, (size_t)(filled(D) - D) * sizeof *rows);
  }
  memset(rows, 0, (size_t)((filled(n) - n) * ld) * sizeof *rows);
}

/* Panels of the rows, (n, D) as a right factor, and of their transpose. */
static void pack(const gt_attention_job *j, const uint16_t *rows, int64_t n, uint16_t *panels) {
  gt_bf16_pack(rows, row_of(j), filled(n), filled(j->D), (uint32_t *)panels);
}

static void pack_transposed(const gt_attention_job *j, const uint16_t *rows, int64_t n,
                            uint16_t *panels) {
  gt_bf16_pack_transposed(rows, row_of(j), filled(j->D), filled(n), (uint32_t *)panels);
}

/* to (TILE, D) += A (TILE, K) times the panels of a matrix of n rows, from row `first` on. */
static void add_product(const gt_attention_job *j, const uint16_t *a, int64_t a_row,
                        const uint16_t *panels, int64_t n, int64_t first, int64_t K, float *to) {
  int64_t width = filled(j->D);
  for (int64_t column = 0; column < width; column += TILE) {
    const uint16_t *panel = panels + column * filled(n) + first * TILE;
    for (int64_t r = 0; r < TILE; r += GT_BF16_ROWS)
      gt_bf16_tile(a + r * a_row, a_row, panel, K, to + r * width + column, width, true);
  }
}

/* to (TILE, TILE) = rows of `left` times a panel. */
static void multiply_tile(const gt_attention_job *j, const uint16_t *left, const uint16_t *panel,
                          float *to, int64_t ld) {
  for (int64_t r = 0; r < TILE; r += GT_BF16_ROWS)
    gt_bf16_tile(left + r * row_of(j), row_of(j), panel, filled(j->D), to + r * ld, ld, false);
}

/* ---- forward ---- */

/* Panels of K^T and V of one key head, then what a worker needs for a block of queries. */
static size_t packed_count(const gt_attention_job *j) {
  return (size_t)(2 * filled(j->S) * filled(j->D));
}

static size_t forward_bytes(const gt_attention_job *j) {
  size_t narrow = (size_t)(gt_max(QUERIES, filled(j->S)) * row_of(j) + QUERIES * LDP);
  return narrow * sizeof(uint16_t) + (size_t)(QUERIES * (filled(j->D) + LDS)) * sizeof(float);
}

static void pack_heads(void *argument, int64_t begin, int64_t end) {
  const gt_attention_job *j = argument;
  uint16_t *rows = (uint16_t *)((char *)j->scratch + (size_t)gt_worker() * forward_bytes(j));
  for (int64_t item = begin; item < end; item++) {
    uint16_t *to = (uint16_t *)j->packed + (size_t)item * packed_count(j);
    int64_t batch = item / j->Hkv, head = item % j->Hkv;
    load_rows(j, j->k, &j->k_at, batch, head, j->S, rows);
    pack_transposed(j, rows, j->S, to);
    load_rows(j, j->v, &j->v_at, batch, head, j->S, rows);
    pack(j, rows, j->S, to + filled(j->S) * filled(j->D));
  }
}

typedef struct block {
  int64_t first, rows; /* queries */
  uint16_t *q, *p;     /* (QUERIES, row_of), (QUERIES, LDP) */
  float *s, *out;      /* (QUERIES, LDS), (QUERIES, width) */
  float top[QUERIES], sum[QUERIES];
} block;

/* Keys k0 ... of those that a tile of queries sees, filled up. */
static int64_t tile_keys(const gt_attention_job *j, const block *b, int64_t r, int64_t k0,
                         int64_t keys) {
  return filled(gt_attention_visible(j, b->first + r + TILE - 1, k0, keys));
}

/* P of keys k0 ... from their scores, with out brought to the new maximum. */
static void softmax_rows(const gt_attention_job *j, block *b, int64_t k0, int64_t keys) {
  int64_t width = filled(j->D);
  float scale = (float)j->scale;
  for (int64_t r = 0; r < filled(b->rows); r++) {
    int64_t n = r < b->rows ? gt_attention_visible(j, b->first + r, k0, keys) : 0;
    int64_t end = tile_keys(j, b, r / TILE * TILE, k0, keys);
    float *s = b->s + r * LDS;
    for (int64_t i = 0; i < end; i++) s[i] *= scale;
    gt_softmax_row_f32(s, n, end, &b->top[r], &b->sum[r], b->out + r * width, width);
    for (int64_t i = 0; i < end; i += LANES) gt_bf16_store(b->p + r * LDP + i, gt_f32_load(s + i));
  }
}

static void add_keys(const gt_attention_job *j, block *b, const uint16_t *panels, int64_t k0,
                     int64_t keys) {
  int64_t width = filled(j->D);
  for (int64_t r = 0; r < b->rows; r += TILE) {
    int64_t end = tile_keys(j, b, r, k0, keys);
    for (int64_t key = 0; key < end; key += TILE)
      multiply_tile(j, b->q + r * row_of(j), panels + (k0 + key) * width, b->s + r * LDS + key,
                    LDS);
  }
  softmax_rows(j, b, k0, keys);
  for (int64_t r = 0; r < b->rows; r += TILE) {
    int64_t end = tile_keys(j, b, r, k0, keys);
    if (end > 0)
      add_product(j, b->p + r * LDP, LDP, panels + filled(j->S) * width, j->S, k0, end,
                  b->out + r * width);
  }
}

static void forward_block(const gt_attention_job *j, int64_t batch, int64_t head, int64_t first,
                          char *memory) {
  int64_t width = filled(j->D), key_head = batch * j->Hkv + head / (j->H / j->Hkv);
  const uint16_t *panels = (const uint16_t *)j->packed + (size_t)key_head * packed_count(j);
  block b = {.first = first, .rows = gt_min(QUERIES, j->T - first), .out = (float *)memory};
  b.s = b.out + QUERIES * width;
  b.q = (uint16_t *)(b.s + QUERIES * LDS);
  b.p = b.q + QUERIES * row_of(j);
  load_rows(j, (const uint16_t *)j->q + first * j->q_at.token, &j->q_at, batch, head, b.rows, b.q);
  memset(b.out, 0, (size_t)(QUERIES * width) * sizeof *b.out);
  for (int64_t r = 0; r < QUERIES; r++) b.top[r] = -INFINITY, b.sum[r] = 0;
  int64_t seen = gt_attention_visible(j, first + b.rows - 1, 0, j->S);
  for (int64_t k0 = 0; k0 < seen; k0 += KEYS) add_keys(j, &b, panels, k0, gt_min(KEYS, seen - k0));
  uint16_t *y = (uint16_t *)j->out + batch * j->out_at.batch + head * j->out_at.head;
  float *lse = (float *)j->lse + (batch * j->H + head) * j->T + first;
  for (int64_t r = 0; r < b.rows; r++) {
    float factor = j->S == 0 ? 0 : 1 / b.sum[r];
    gt_bf16_store_row(y + (first + r) * j->out_at.token, b.out + r * width, j->D, factor, false);
    lse[r] = b.top[r] + gt_log_f32(b.sum[r]);
  }
}

static void forward_blocks(void *argument, int64_t begin, int64_t end) {
  const gt_attention_job *j = argument;
  int64_t blocks = gt_parts(j->T, QUERIES);
  char *memory = (char *)j->scratch + (size_t)gt_worker() * forward_bytes(j);
  gt_bf16_begin();
  for (int64_t item = begin; item < end; item++) {
    int64_t number = blocks - 1 - item % blocks, head = item / blocks;
    forward_block(j, head / j->H, head % j->H, number * QUERIES, memory);
  }
  gt_bf16_end();
}

/* ---- backward ---- */

/* What one worker needs for one key head. */
typedef struct head {
  uint16_t *k, *v, *k_t;      /* rows (S, row_of); K^T (width, S + TILE) */
  uint16_t *q, *dy;           /* rows (T, row_of) */
  uint16_t *q_panels, *q_t;   /* panels of Q and Q^T */
  uint16_t *dy_panels, *dy_t; /* of dY and dY^T */
  uint16_t *p, *ds;           /* blocks (BLOCK, LDB) of P^T, dS^T */
  uint16_t *ds_panels;        /* (BLOCK / TILE, BLOCK, TILE): panels of dS^T */
  float *dq_t;                /* (T / TILE, width, TILE): dQ^T of TILE queries each */
  float *dk, *dv;             /* (S, width) sums */
  float *lse, *inner;         /* (T) lse, D_i */
  float *s, *dp, *rows;       /* tiles of S^T, dP^T; (TILE, width) */
  int64_t key_head, batch;
} head;

/* Lays the parts of `h` out from `memory` on; returns the bytes.  memory NULL: only counts. */
static size_t lay_out(const gt_attention_job *j, char *memory, head *h) {
  size_t T = (size_t)filled(j->T), S = (size_t)filled(j->S), width = (size_t)filled(j->D);
  size_t row = (size_t)row_of(j), used = 0;
  struct {
    void *part;
    size_t count, size;
  } parts[] = {
      {&h->k, S * row, 2},      {&h->v, S * row, 2},         {&h->k_t, width * (S + TILE), 2},
      {&h->q, T * row, 2},      {&h->dy, T * row, 2},        {&h->q_panels, T * width, 2},
      {&h->q_t, T * width, 2},  {&h->dy_t, T * width, 2},    {&h->dy_panels, T * width, 2},
      {&h->p, BLOCK * LDB, 2},  {&h->ds, BLOCK * LDB, 2},    {&h->ds_panels, BLOCK * BLOCK, 2},
      {&h->dq_t, T * width, 4}, {&h->dk, S * width, 4},      {&h->dv, S * width, 4},
      {&h->lse, T, 4},          {&h->inner, T, 4},           {&h->s, TILE * TILE, 4},
      {&h->dp, TILE * TILE, 4}, {&h->rows, TILE * width, 4},
  };
  for (int i = 0; i < GT_COUNT(parts); i++) {
    char *at = memory + used;
    if (memory != NULL) memcpy(parts[i].part, &at, sizeof at);
    used += (parts[i].count * parts[i].size + 63) / 64 * 64;
  }
  return used;
}

static void load_keys(const gt_attention_job *j, head *h) {
  size_t sums = (size_t)(filled(j->S) * filled(j->D)) * sizeof(float);
  load_rows(j, j->k, &j->k_at, h->batch, h->key_head, j->S, h->k);
  load_rows(j, j->v, &j->v_at, h->batch, h->key_head, j->S, h->v);
  gt_bf16_transpose(h->k, row_of(j), filled(j->S), filled(j->D), h->k_t, filled(j->S) + TILE);
  memset(h->dk, 0, sums);
  memset(h->dv, 0, sums);
}

/* Sum of dy y over a query's channels, in the same order at every vector length. */
static float inner_of(const uint16_t *dy, const uint16_t *y, int64_t D) {
  enum { lanes = 16 };
  float lane[lanes] = {0}, sum = 0;
  int64_t d = 0;
  for (; d + lanes <= D; d += lanes)
    for (int i = 0; i < lanes; i++) lane[i] += gt_from_bf16(dy[d + i]) * gt_from_bf16(y[d + i]);
  for (int i = 0; d + i < D; i++) lane[i] += gt_from_bf16(dy[d + i]) * gt_from_bf16(y[d + i]);
  for (int i = 0; i < lanes; i++) sum += lane[i];
  return sum;
}

static void load_queries(const gt_attention_job *j, int64_t number, head *h) {
  const float *lse = (const float *)j->lse + (h->batch * j->H + number) * j->T;
  const uint16_t *y = (const uint16_t *)j->y + h->batch * j->out_at.batch + number * j->out_at.head;
  load_rows(j, j->q, &j->q_at, h->batch, number, j->T, h->q);
  load_rows(j, j->dy, &j->out_at, h->batch, number, j->T, h->dy);
  pack(j, h->q, j->T, h->q_panels);
  pack_transposed(j, h->q, j->T, h->q_t);
  pack(j, h->dy, j->T, h->dy_panels);
  pack_transposed(j, h->dy, j->T, h->dy_t);
  memset(h->inner + j->T, 0, (size_t)(filled(j->T) - j->T) * sizeof *h->inner);
  memset(h->lse + j->T, 0, (size_t)(filled(j->T) - j->T) * sizeof *h->lse);
  for (int64_t t = 0; t < j->T; t++) {
    h->inner[t] = inner_of(h->dy + t * row_of(j), y + t * j->out_at.token, j->D);
    h->lse[t] = lse[t];
  }
  memset(h->dq_t, 0, (size_t)(filled(j->T) * filled(j->D)) * sizeof(float));
}

/* Whether key k and query t are there, and see each other. */
static bool is_seen(const gt_attention_job *j, int64_t k, int64_t t) {
  return k < j->S && t < j->T && (!j->causal || k <= t + j->offset);
}

/* P^T and dS^T of the tile at key k and query t, from its scores and dP^T; 0 where nothing is seen.
 */
static void tile_gradient(const gt_attention_job *j, const head *h, int64_t k, int64_t t,
                          uint16_t *p, uint16_t *ds, uint16_t *ds_panel) {
  bool whole = is_seen(j, k + TILE - 1, t) && is_seen(j, k, t + TILE - 1);
  float scale = (float)j->scale;
  for (int64_t i = 0; i < TILE; i++) {
    const float *s = h->s + i * TILE, *dp = h->dp + i * TILE;
    const float *lse = h->lse + t, *inner = h->inner + t;
    float weight[TILE], gradient[TILE];
    for (int64_t n = 0; n < TILE; n++) weight[n] = gt_exp_f32(s[n] * scale - lse[n]);
    for (int64_t n = 0; n < TILE; n++) gradient[n] = weight[n] * (dp[n] - inner[n]);
    for (int64_t n = 0; !whole && n < TILE; n++)
      if (!is_seen(j, k + i, t + n)) weight[n] = gradient[n] = 0;
    for (int64_t n = 0; n < TILE; n += LANES) {
      gt_bf16_store(p + i * LDB + n, gt_f32_load(weight + n));
      gt_bf16_store(ds + i * LDB + n, gt_f32_load(gradient + n));
    }
  }
  gt_bf16_pack(ds, LDB, TILE, TILE, (uint32_t *)ds_panel);
}

/* A tile's P^T and dS^T, at key k and query t of the block at k0, t0. */
static void block_tile(const gt_attention_job *j, const head *h, int64_t k0, int64_t k, int64_t t0,
                       int64_t t) {
  int64_t row = row_of(j), width = filled(j->D), at = k * LDB + t;
  multiply_tile(j, h->k + (k0 + k) * row, h->q_t + (t0 + t) * width, h->s, TILE);
  multiply_tile(j, h->v + (k0 + k) * row, h->dy_t + (t0 + t) * width, h->dp, TILE);
  tile_gradient(j, h, k0 + k, t0 + t, h->p + at, h->ds + at, h->ds_panels + t * BLOCK + k * TILE);
}

/* dQ^T of TILE queries += K^T of `keys` keys from k0 on times a panel of dS^T. */
static void add_to_queries(const gt_attention_job *j, const uint16_t *k_t, const uint16_t *panel,
                           int64_t keys, float *to) {
  int64_t row = filled(j->S) + TILE;
  for (int64_t d = 0; d < filled(j->D); d += GT_BF16_ROWS)
    gt_bf16_tile(k_t + d * row, row, panel, keys, to + d * TILE, TILE, true);
}

/* Keys of a block from k0 on, queries from t0 on: adds to dQ, dK, dV. */
static void backward_block(const gt_attention_job *j, const head *h, int64_t k0, int64_t t0) {
  int64_t width = filled(j->D);
  int64_t keys = gt_min(BLOCK, filled(j->S) - k0), queries = gt_min(BLOCK, filled(j->T) - t0);
  for (int64_t k = 0; k < keys; k += TILE) {
    /* the queries before see none of these keys */
    int64_t skip = j->causal ? gt_max(0, k0 + k - j->offset - t0) / TILE * TILE : 0;
    if (skip >= queries) break; /* nor of those that follow */
    for (int64_t t = skip; t < queries; t += TILE) block_tile(j, h, k0, k, t0, t);
    int64_t left = queries - skip, at = k * LDB + skip, to = (k0 + k) * width;
    add_product(j, h->p + at, LDB, h->dy_panels, j->T, t0 + skip, left, h->dv + to);
    add_product(j, h->ds + at, LDB, h->q_panels, j->T, t0 + skip, left, h->dk + to);
  }
  for (int64_t t = 0; t < queries; t += TILE) {
    int64_t seen = filled(gt_attention_visible(j, t0 + t + TILE - 1, k0, keys));
    if (seen > 0)
      add_to_queries(j, h->k_t + k0, h->ds_panels + t * BLOCK, seen, h->dq_t + (t0 + t) * width);
  }
}

/* gradient = or += factor * the sums (n, width) of a head's tokens from `first` on. */
static void store_gradient(const gt_attention_job *j, int input, int64_t batch, int64_t number,
                           int64_t first, int64_t n, const float *sums, double factor) {
  const gt_token_strides *at = &j->gradient_at[input];
  if (j->gradient[input] == NULL) return;
  uint16_t *to = (uint16_t *)j->gradient[input] + batch * at->batch + number * at->head;
  to += first * at->token;
  for (int64_t t = 0; t < n; t++, to += at->token, sums += filled(j->D))
    gt_bf16_store_row(to, sums, j->D, (float)factor, j->add[input]);
}

static void store_queries(const gt_attention_job *j, const head *h, int64_t number) {
  int64_t width = filled(j->D);
  for (int64_t t = 0; t < j->T; t += TILE) {
    gt_bf16_transpose_f32(h->dq_t + t * width, width, TILE, h->rows);
    store_gradient(j, 0, h->batch, number, t, gt_min(TILE, j->T - t), h->rows, j->scale);
  }
}

static void backward_heads(void *argument, int64_t begin, int64_t end) {
  const gt_attention_job *j = argument;
  int64_t group = j->H / j->Hkv;
  head h;
  size_t bytes = lay_out(j, NULL, &h);
  lay_out(j, (char *)j->scratch + (size_t)gt_worker() * bytes, &h);
  gt_bf16_begin();
  for (int64_t item = begin; item < end; item++) {
    h.batch = item / j->Hkv, h.key_head = item % j->Hkv;
    load_keys(j, &h);
    for (int64_t number = h.key_head * group; number < (h.key_head + 1) * group; number++) {
      load_queries(j, number, &h);
      for (int64_t k0 = 0; k0 < j->S; k0 += BLOCK) {
        int64_t t0 = j->causal ? gt_max(0, k0 - j->offset) / BLOCK * BLOCK : 0;
        for (; t0 < j->T; t0 += BLOCK) backward_block(j, &h, k0, t0);
      }
      store_queries(j, &h, number);
    }
    store_gradient(j, 1, h.batch, h.key_head, 0, j->S, h.dk, j->scale);
    store_gradient(j, 2, h.batch, h.key_head, 0, j->S, h.dv, 1);
  }
  gt_bf16_end();
}

/* ---- the calls ---- */

size_t gt_attention_bf16_scratch(const gt_call *c, const gt_attention_job *j, bool backward) {
  size_t threads = (size_t)gt_pool_threads(c->cx);
  head h;
  if (backward) return threads * lay_out(j, NULL, &h);
  return (size_t)(j->B * j->Hkv) * packed_count(j) * sizeof(uint16_t) + threads * forward_bytes(j);
}

gt_status gt_attention_bf16_forward(gt_call *c, gt_attention_job *j) {
  size_t packed = (size_t)(j->B * j->Hkv) * packed_count(j) * sizeof(uint16_t);
  size_t scratch = (size_t)gt_pool_threads(c->cx) * forward_bytes(j);
  GT_TRY(gt_scratch(c->cx, c->device, packed, &j->packed));
  GT_TRY(gt_scratch(c->cx, c->device, scratch, &j->scratch));
  gt_parallel(c->cx, j->B * j->Hkv, 1, pack_heads, j);
  gt_parallel(c->cx, gt_parts(j->T, QUERIES) * j->B * j->H, 1, forward_blocks, j);
  return GT_OK;
}

gt_status gt_attention_bf16_backward(gt_call *c, gt_attention_job *j) {
  size_t bytes = gt_attention_bf16_scratch(c, j, true);
  GT_TRY(gt_scratch(c->cx, c->device, bytes, &j->scratch));
  gt_parallel(c->cx, j->B * j->Hkv, 1, backward_heads, j);
  return GT_OK;
}

#else

bool gt_cpu_attention_is_bf16(const gt_call *c) {
  (void)c;
  return false;
}

size_t gt_attention_bf16_scratch(const gt_call *c, const gt_attention_job *j, bool backward) {
  (void)c, (void)j, (void)backward;
  return 0;
}

gt_status gt_attention_bf16_forward(gt_call *c, gt_attention_job *j) {
  (void)c, (void)j;
  return GT_OK;
}

gt_status gt_attention_bf16_backward(gt_call *c, gt_attention_job *j) {
  (void)c, (void)j;
  return GT_OK;
}

#endif
