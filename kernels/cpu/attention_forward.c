/* attention_forward.c: attention block by block, never holding a (T, S) matrix: per block of
 * queries a running maximum m and sum l over blocks of keys (Milakov and Gimelshein, 2018; Dao et
 * al., FlashAttention, 2022); lse = m + log l.  Work is distributed by (head, block of queries). */
#ifndef real
#include "kernels/cpu/attention.h"

#include "kernels/op/typed.h"

void gt_attention_forward_sizes(const gt_call *c, gt_attention_job *j) {
  GT_PICK(c, forward_sizes)(j);
}

gt_status gt_cpu_attention_forward(gt_call *c) {
  gt_attention_job j = gt_attention_job_of(c);
  if (gt_count(c->out[0]) == 0) return GT_OK;
  j.out = gt_data(c->out[0]);
  j.lse = gt_data(c->out[1]);
  j.out_at = gt_token_strides_of(c, c->out[0]);
  if (gt_cpu_attention_is_bf16(c)) return gt_attention_bf16_forward(c, &j);
  if (gt_attention_is_single(c, &j)) return gt_attention_single(c, &j);
  gt_attention_forward_sizes(c, &j);
  int64_t step = gt_attention_together(c, &j);
  GT_TRY(gt_attention_room(c, step * j.Hkv, j.packed_size, &j.packed));
  GT_TRY(gt_attention_room(c, gt_pool_threads(c->cx), j.scratch_size, &j.scratch));
  int64_t blocks = gt_parts(j.T, QUERIES);
  for (j.batch = 0; j.batch < j.B; j.batch += step) {
    j.batches = gt_min(step, j.B - j.batch);
    gt_parallel(c->cx, j.batches * j.Hkv, 1, GT_PICK(c, pack_heads), &j);
    gt_parallel(c->cx, blocks * j.batches * j.H, 1, GT_PICK(c, forward_blocks), &j);
  }
  return GT_OK;
}

#else

static void T(forward_sizes)(gt_attention_job *j) {
  int64_t width = gt_round_up(j->D, T(N));
  j->packed_size = gt_round_up(j->S, T(N)) * j->D + width * j->S;
  j->scratch_size = QUERIES * (j->D + width + LDS + 2);
}

static void T(pack_heads)(void *argument, int64_t begin, int64_t end) {
  const gt_attention_job *j = argument;
  for (int64_t item = begin; item < end; item++) {
    int64_t batch = j->batch + item / j->Hkv, head = item % j->Hkv;
    real *to = (real *)j->packed + item * j->packed_size;
    const real *k = (const real *)j->k + batch * j->k_at.batch + head * j->k_at.head;
    const real *v = (const real *)j->v + batch * j->v_at.batch + head * j->v_at.head;
    T(gt_pack_transposed)(k, j->k_at.token, j->k_at.channel, j->S, j->D, to);
    T(gt_pack)(v, j->v_at.token, j->v_at.channel, j->S, j->D, to + gt_round_up(j->S, T(N)) * j->D);
  }
}

static void T(forward_block)(const gt_attention_job *j, int64_t batch, int64_t head, int64_t first,
                             real *scratch) {
  int64_t D = j->D, width = gt_round_up(D, T(N));
  int64_t rows = gt_min(QUERIES, j->T - first), padded = gt_round_up(rows, GT_TILE_M);
  real *q = scratch, *out = q + QUERIES * D, *s = out + QUERIES * width;
  real *top = s + QUERIES * LDS, *sum = top + QUERIES;
  int64_t key_head = (batch - j->batch) * j->Hkv + head / (j->H / j->Hkv);
  const real *k_panels = (const real *)j->packed + key_head * j->packed_size;
  const real *v_panels = k_panels + gt_round_up(j->S, T(N)) * D;
  const real *x = (const real *)j->q + batch * j->q_at.batch + head * j->q_at.head;
  memset(q, 0, (size_t)(QUERIES * D) * sizeof(real));
  memset(out, 0, (size_t)(QUERIES * width) * sizeof(real));
  for (int64_t r = 0; r < rows; r++) {
    T(load)(x + (first + r) * j->q_at.token, j->q_at.channel, D, (real)j->scale, q + r * D);
    top[r] = -INFINITY;
    sum[r] = 0;
  }
  real *lse = (real *)j->lse + (batch * j->H + head) * j->T + first;
  int64_t seen = gt_attention_visible(j, first + rows - 1, 0, j->S);
  for (int64_t k0 = 0; k0 < seen; k0 += KEYS) {
    int64_t keys = gt_min(KEYS, seen - k0);
    T(scores)(j, q, k_panels, first, rows, k0, keys, s);
    for (int64_t r = 0; r < rows; r++) {
      int64_t n = gt_attention_visible(j, first + r, k0, keys);
      int64_t end = T(padded)(j, first, r, k0, keys);
      int64_t word = (lse + r - (const real *)j->lse) * j->S + k0;
      T(gt_softmax_row)(s + r * LDS, n, end, &top[r], &sum[r], out + r * width, width);
      if (j->drop.on) T(gt_drop_row)(&j->drop, word, s + r * LDS, n);
    }
    for (int64_t r = 0; r < padded; r += GT_TILE_M) {
      int64_t n = gt_attention_visible(j, first + r + GT_TILE_M - 1, k0, keys);
      const real *v = v_panels + k0 * T(N);
      if (n > 0) T(add_product)(s + r * LDS, LDS, 1, v, j->S, n, D, out + r * width);
    }
  }
  real *y = (real *)j->out + batch * j->out_at.batch + head * j->out_at.head;
  for (int64_t r = 0; r < rows; r++)
    T(load)(out + r * width, 1, D, j->S == 0 ? 0 : 1 / sum[r], y + (first + r) * j->out_at.token);
  for (int64_t r = 0; r < rows; r++) lse[r] = top[r] + T(gt_log)(sum[r]);
}

/* Head after head, as the backward and the layers around it go through the rows; of a head the
 * most expensive first: the last queries see the most keys. */
static void T(forward_blocks)(void *argument, int64_t begin, int64_t end) {
  const gt_attention_job *j = argument;
  int64_t blocks = gt_parts(j->T, QUERIES);
  real *scratch = (real *)j->scratch + gt_worker() * j->scratch_size;
  for (int64_t item = begin; item < end; item++) {
    int64_t block = blocks - 1 - item % blocks, head = item / blocks;
    T(forward_block)(j, j->batch + head / j->H, head % j->H, block * QUERIES, scratch);
  }
}

#endif
