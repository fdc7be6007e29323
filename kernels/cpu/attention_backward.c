/* attention_backward.c: the gradients of attention (op/attention.c), block by block; P is made
 * again. Work is distributed by (batch, key head): each output element has one owner. */
#ifndef real
#include "kernels/cpu/attention.h"

#include "kernels/op/typed.h"

void gt_attention_backward_sizes(const gt_call *c, gt_attention_job *j) {
  GT_PICK(c, backward_sizes)(j);
}

gt_status gt_cpu_attention_backward(gt_call *c) {
  gt_attention_job j = gt_attention_job_of(c);
  if (j.Hkv == 0) return GT_OK;
  j.y = gt_data(c->out[0]);
  j.lse = gt_data(c->out[1]);
  j.dy = gt_data(c->gout[0]);
  j.out_at = gt_token_strides_of(c, c->out[0]);
  for (int i = 0; i < 3; i++) {
    if (c->gin[i] == NULL) continue;
    j.gradient[i] = gt_data(c->gin[i]);
    j.gradient_at[i] = gt_token_strides_of(c, c->gin[i]);
    j.add[i] = c->accumulate[i];
  }
  if (gt_cpu_attention_is_bf16(c)) return gt_attention_bf16_backward(c, &j);
  gt_attention_backward_sizes(c, &j);
  GT_TRY(gt_attention_room(c, gt_pool_threads(c->cx), j.scratch_size, &j.scratch));
  gt_parallel(c->cx, j.B * j.Hkv, 1, GT_PICK(c, backward_heads), &j);
  return GT_OK;
}

#else

/* Everything one worker needs for one key head; pointers into its scratch memory. */
typedef struct T(head) {
  real *k_t, *k, *v_t; /* panels of K^T, K, V^T */
  real *q, *dy;        /* (T, D) of one query head, q scaled */
  real *q_panels, *dy_panels;
  real *dq, *dk, *dv; /* (T, width), (S, width), (S, width) sums */
  real *inner;        /* (T) D_i */
  real *p, *ds;       /* blocks of P and dS */
} T(head);

/* Lays the parts of `head` out from `base` on; returns the elements taken.  base NULL: only counts.
 */
static int64_t T(lay_out)(const gt_attention_job *j, real *base, T(head) * head) {
  int64_t width = gt_round_up(j->D, T(N));
  int64_t rows = gt_round_up(j->T, GT_TILE_M), S = gt_round_up(j->S, T(N));
  struct {
    real **part;
    int64_t size;
  } parts[] = {
      {&head->k_t, S * j->D},           {&head->k, S * width},     {&head->v_t, S * j->D},
      {&head->q, rows * j->D},          {&head->dy, rows * j->D},  {&head->q_panels, rows * width},
      {&head->dy_panels, rows * width}, {&head->dq, rows * width}, {&head->dk, S * width},
      {&head->dv, S * width},           {&head->inner, rows},      {&head->p, QUERIES * LDS},
      {&head->ds, QUERIES * LDS},
  };
  int64_t used = 0;
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    if (base != NULL) *parts[i].part = base + used;
    used += gt_round_up(parts[i].size, 64 / (int64_t)sizeof(real));
  }
  return used;
}

static void T(backward_sizes)(gt_attention_job *j) {
  T(head) head;
  j->scratch_size = T(lay_out)(j, NULL, &head);
}

static void T(load_keys)(const gt_attention_job *j, int64_t batch, int64_t key_head, T(head) * h) {
  const real *k = (const real *)j->k + batch * j->k_at.batch + key_head * j->k_at.head;
  const real *v = (const real *)j->v + batch * j->v_at.batch + key_head * j->v_at.head;
  size_t sums = (size_t)(gt_round_up(j->S, T(N)) * gt_round_up(j->D, T(N))) * sizeof(real);
  T(gt_pack_transposed)(k, j->k_at.token, j->k_at.channel, j->S, j->D, h->k_t);
  T(gt_pack_transposed)(v, j->v_at.token, j->v_at.channel, j->S, j->D, h->v_t);
  T(gt_pack)(k, j->k_at.token, j->k_at.channel, j->S, j->D, h->k);
  memset(h->dk, 0, sums);
  memset(h->dv, 0, sums);
}

static void T(load_queries)(const gt_attention_job *j, int64_t batch, int64_t head, T(head) * h) {
  int64_t D = j->D, padding = gt_round_up(j->T, GT_TILE_M) - j->T;
  const real *q = (const real *)j->q + batch * j->q_at.batch + head * j->q_at.head;
  int64_t at = batch * j->out_at.batch + head * j->out_at.head;
  const real *dy = (const real *)j->dy + at, *y = (const real *)j->y + at;
  for (int64_t t = 0; t < j->T; t++) {
    int64_t row = t * j->out_at.token;
    T(load)(q + t * j->q_at.token, j->q_at.channel, D, (real)j->scale, h->q + t * D);
    T(load)(dy + row, 1, D, 1, h->dy + t * D);
    h->inner[t] = T(row_dot)(dy + row, y + row, D);
  }
  memset(h->q + j->T * D, 0, (size_t)(padding * D) * sizeof(real));
  memset(h->dy + j->T * D, 0, (size_t)(padding * D) * sizeof(real));
  T(gt_pack)(h->q, D, 1, j->T, D, h->q_panels);
  T(gt_pack)(h->dy, D, 1, j->T, D, h->dy_panels);
  memset(h->dq, 0, (size_t)((j->T + padding) * gt_round_up(D, T(N))) * sizeof(real));
}

/* P and dS of a block from its scores and dY V^T; entries that are not seen become 0. */
static void T(block_gradient)(const gt_attention_job *j, const T(head) * h, const real *lse,
                              int64_t first, int64_t rows, int64_t k0, int64_t keys) {
  for (int64_t r = 0; r < rows; r++) {
    real *p = h->p + r * LDS, *ds = h->ds + r * LDS;
    int64_t n = gt_attention_visible(j, first + r, k0, keys);
    int64_t end = T(padded)(j, first, r, k0, keys);
    real row_lse = lse[first + r], inner = h->inner[first + r];
    int64_t word = (lse + first + r - (const real *)j->lse) * j->S + k0;
    if (j->drop.on) T(gt_drop_row)(&j->drop, word, ds, n);
    for (int64_t i = n; i < end; i++) p[i] = row_lse, ds[i] = inner;
    for (int64_t i = 0; i < end; i += T(LANES)) {
      for (int64_t k = i; k < i + T(LANES); k++) {
        p[k] = T(gt_exp)(p[k] - row_lse);
        ds[k] = p[k] * (ds[k] - inner);
      }
    }
    if (j->drop.on) T(gt_drop_row)(&j->drop, word, p, n);
    for (int64_t i = n; i < end; i++) p[i] = ds[i] = 0;
  }
}

/* One block of queries against one block of keys: adds to dq, dk, dv. */
static void T(backward_block)(const gt_attention_job *j, const T(head) * h, const real *lse,
                              int64_t first, int64_t k0) {
  int64_t D = j->D, width = gt_round_up(D, T(N));
  int64_t rows = gt_min(QUERIES, j->T - first);
  int64_t keys = gt_attention_visible(j, first + rows - 1, k0, gt_min(KEYS, j->S - k0));
  T(scores)(j, h->q + first * D, h->k_t, first, rows, k0, keys, h->p);
  T(scores)(j, h->dy + first * D, h->v_t, first, rows, k0, keys, h->ds);
  T(block_gradient)(j, h, lse, first, rows, k0, keys);
  for (int64_t key = 0; key < keys; key += GT_TILE_M) {
    int64_t skip = j->causal ? gt_max(0, k0 + key - j->offset - first) : 0; /* queries before */
    int64_t at = skip * LDS + key, panel = (first + skip) * T(N), to = (k0 + key) * width;
    const real *dy = h->dy_panels + panel, *q = h->q_panels + panel;
    T(add_product)(h->p + at, 1, LDS, dy, j->T, rows - skip, D, h->dv + to);
    T(add_product)(h->ds + at, 1, LDS, q, j->T, rows - skip, D, h->dk + to);
  }
  for (int64_t r = 0; r < rows; r += GT_TILE_M) {
    int64_t n = gt_attention_visible(j, first + r + GT_TILE_M - 1, k0, keys);
    const real *k = h->k + k0 * T(N);
    real *dq = h->dq + (first + r) * width;
    if (n > 0) T(add_product)(h->ds + r * LDS, LDS, 1, k, j->S, n, D, dq);
  }
}

/* gradient = or += factor * the sums (tokens, width) of one head. */
static void T(store)(const gt_attention_job *j, int input, int64_t batch, int64_t head,
                     const real *sums, int64_t tokens, real factor) {
  const gt_token_strides *at = &j->gradient_at[input];
  if (j->gradient[input] == NULL) return;
  real *to = (real *)j->gradient[input] + batch * at->batch + head * at->head;
  for (int64_t t = 0; t < tokens; t++, to += at->token, sums += gt_round_up(j->D, T(N))) {
    for (int64_t i = 0; i < j->D; i++) to[i] = (j->add[input] ? to[i] : 0) + factor * sums[i];
  }
}

static void T(backward_heads)(void *argument, int64_t begin, int64_t end) {
  const gt_attention_job *j = argument;
  int64_t group = j->H / j->Hkv;
  T(head) h;
  T(lay_out)(j, (real *)j->scratch + gt_worker() * j->scratch_size, &h);
  for (int64_t item = begin; item < end; item++) {
    int64_t batch = item / j->Hkv, key_head = item % j->Hkv;
    T(load_keys)(j, batch, key_head, &h);
    for (int64_t head = key_head * group; head < (key_head + 1) * group; head++) {
      const real *lse = (const real *)j->lse + (batch * j->H + head) * j->T;
      T(load_queries)(j, batch, head, &h);
      for (int64_t k0 = 0; k0 < j->S; k0 += KEYS) {
        int64_t first = j->causal ? gt_max(0, k0 - j->offset) / QUERIES * QUERIES : 0;
        for (; first < j->T; first += QUERIES) T(backward_block)(j, &h, lse, first, k0);
      }
      T(store)(j, 0, batch, head, h.dq, j->T, (real)j->scale);
    }
    T(store)(j, 1, batch, key_head, h.dk, j->S, 1);
    T(store)(j, 2, batch, key_head, h.dv, j->S, 1);
  }
}

#endif
