/* attention_single.c: attention of a single query, which reads keys and values where they lie
 * (decoding with a cache).  Work is distributed by head. */
#ifndef real
#include "kernels/cpu/attention.h"

#include <math.h>

#include "kernels/op/typed.h"

bool gt_attention_is_single(const gt_call *c, const gt_attention_job *j) {
  int64_t lanes = GT_VECTOR_BYTES / (int64_t)gt_dtype_size(c->dtype);
  return j->T == 1 && j->S > 0 && j->D % lanes == 0 && !j->drop.on;
}

gt_status gt_attention_single(gt_call *c, gt_attention_job *j) {
  j->scratch_size = 2 * j->D + gt_round_up(j->S, GT_VECTOR_BYTES);
  GT_TRY(gt_attention_room(c, gt_pool_threads(c->cx), j->scratch_size, &j->scratch));
  gt_parallel(c->cx, j->B * j->H, 1, GT_PICK(c, forward_single), j);
  return GT_OK;
}

#else

/* A vector of channels. */
static inline T(gt_vector) T(channels)(const real *x, int64_t step) {
  enum { lanes = T(N) / 2 };
  T(gt_vector) v = {0};
  if (step == 1) return *(const T(gt_vector) *)x;
  for (int i = 0; i < lanes; i++) v[i] = x[i * step];
  return v;
}

/* Scores of a vector's worth of keys, `left` of them there: a sum of products per lane and key,
 * transposed so that the lanes of each key are added up together. */
static inline void T(single_scores)(const real *q, const real *k, const gt_token_strides *at,
                                    int64_t left, int64_t D, real *s) {
  enum { lanes = T(N) / 2 };
  T(gt_vector) sum[lanes] = {0}, all = {0};
  for (int64_t d = 0; d < D; d += lanes) {
    T(gt_vector) x = *(const T(gt_vector) *)(q + d);
#pragma GCC unroll 16
    for (int i = 0; i < lanes; i++) {
      const real *key = k + (i < left ? i : left - 1) * at->token;
      sum[i] += x * T(channels)(key + d * at->channel, at->channel);
    }
  }
  T(gt_transpose)(sum);
#pragma GCC unroll 16
  for (int i = 0; i < lanes; i++) all += sum[i];
  *(T(gt_vector) *)s = all;
}

/* y = factor * sum of p[i] v[i] over n keys, for `vectors` vectors of channels. */
static inline __attribute__((always_inline)) void T(single_values)(const real *p, const real *v,
                                                                   const gt_token_strides *at,
                                                                   int64_t n, real factor,
                                                                   int vectors, real *y) {
  enum { lanes = T(N) / 2 };
  T(gt_vector) sum[4] = {0};
  for (int64_t i = 0; i < n; i++) {
    const real *value = v + i * at->token;
    for (int k = 0; k < vectors; k++)
      sum[k] = T(gt_fma)(p[i], T(channels)(value + k * lanes * at->channel, at->channel), sum[k]);
  }
  for (int k = 0; k < vectors; k++) *(T(gt_vector) *)(y + k * lanes) = factor * sum[k];
}

static void T(forward_single)(void *argument, int64_t begin, int64_t end) {
  enum { lanes = T(N) / 2 };
  const gt_attention_job *j = argument;
  real *q = (real *)j->scratch + gt_worker() * j->scratch_size, *out = q + j->D, *s = out + j->D;
  int64_t n = gt_attention_visible(j, 0, 0, j->S);
  for (int64_t item = begin; item < end; item++) {
    int64_t d = 0, batch = item / j->H, head = item % j->H, shared = head / (j->H / j->Hkv);
    const real *x = (const real *)j->q + batch * j->q_at.batch + head * j->q_at.head;
    const real *k = (const real *)j->k + batch * j->k_at.batch + shared * j->k_at.head;
    const real *v = (const real *)j->v + batch * j->v_at.batch + shared * j->v_at.head;
    T(load)(x, j->q_at.channel, j->D, (real)j->scale, q);
    for (int64_t i = 0; i < n; i += lanes)
      T(single_scores)(q, k + i * j->k_at.token, &j->k_at, n - i, j->D, s + i);
    real top = T(row_max)(s, n);
    for (int64_t i = 0; i < n; i++) s[i] = T(gt_exp)(s[i] - top);
    real sum = T(row_sum)(s, n);
    for (; d + 4 * lanes <= j->D; d += 4 * lanes)
      T(single_values)(s, v + d * j->v_at.channel, &j->v_at, n, 1 / sum, 4, out + d);
    for (; d < j->D; d += lanes)
      T(single_values)(s, v + d * j->v_at.channel, &j->v_at, n, 1 / sum, 1, out + d);
    real *y = (real *)j->out + batch * j->out_at.batch + head * j->out_at.head;
    memcpy(y, out, (size_t)j->D * sizeof(real));
    ((real *)j->lse)[item] = top + (real)log(sum);
  }
}

#endif
