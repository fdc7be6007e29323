/* attention.h: attention on the CPU, what its parts share.  q, k, v may have any strides: operands
 * are packed once per head into the panels of tile.h, but for a single query, which reads keys and
 * values where they lie (decoding with a cache). */
#ifndef real
#ifndef GT_CPU_ATTENTION_H
#define GT_CPU_ATTENTION_H

#include "kernels/cpu/cpu.h"
#include "kernels/cpu/drop.h"
#include "kernels/cpu/kernels.h"
#include "kernels/cpu/tile.h"

enum { QUERIES = 64, KEYS = 256 }; /* a block of scores; multiples of the tile */
enum { LDS = KEYS + 16 };          /* row stride of a block: an odd number of cache lines */

typedef struct gt_token_strides {
  int64_t batch, token, head, channel;
} gt_token_strides;

typedef struct gt_attention_job {
  int64_t B, H, Hkv, T, S, D;
  bool causal;
  int64_t offset; /* query i is aligned with key i + offset */
  double scale;
  gt_drop drop;
  const void *q, *k, *v, *y, *dy;
  void *out, *lse; /* lse (B, H, T) */
  void *gradient[3];
  gt_token_strides q_at, k_at, v_at, out_at, gradient_at[3];
  bool add[3];
  int64_t batch, batches;            /* forward: those being computed, from `batch` on */
  void *packed;                      /* forward: panels of K^T and V per batch and key head */
  void *scratch;                     /* per worker */
  int64_t packed_size, scratch_size; /* elements of one key head, of one worker */
} gt_attention_job;

gt_attention_job gt_attention_job_of(const gt_call *c);
gt_token_strides gt_token_strides_of(const gt_call *c, const gt_tensor *x);

/* Sets packed_size and scratch_size. */
void gt_attention_forward_sizes(const gt_call *c, gt_attention_job *j);
void gt_attention_backward_sizes(const gt_call *c, gt_attention_job *j);
/* Sequences whose panels the forward holds at once. */
int64_t gt_attention_together(const gt_call *c, const gt_attention_job *j);
/* Scratch for `count` times `elements`. */
gt_status gt_attention_room(gt_call *c, int64_t count, int64_t elements, void **out);

/* The forward of a single query, with channels in whole vectors. */
bool gt_attention_is_single(const gt_call *c, const gt_attention_job *j);
gt_status gt_attention_single(gt_call *c, gt_attention_job *j);

/* Of bf16 tensors (gt_cpu_attention_is_bf16), on CPUs that multiply these. */
size_t gt_attention_bf16_scratch(const gt_call *c, const gt_attention_job *j, bool backward);
gt_status gt_attention_bf16_forward(gt_call *c, gt_attention_job *j);
gt_status gt_attention_bf16_backward(gt_call *c, gt_attention_job *j);

/* How many of `keys` keys from k0 on query number `query` sees. */
static inline int64_t gt_attention_visible(const gt_attention_job *j, int64_t query, int64_t k0,
                                           int64_t keys) {
  return j->causal ? gt_max(0, gt_min(keys, query + j->offset + 1 - k0)) : keys;
}

#define GT_TYPED "kernels/cpu/attention.h"
#include "kernels/op/typed.h"

#endif
#else
#include "kernels/cpu/lanes.h"

enum { T(N) = T(gt_tile_n) };

/* Columns of row r that are worked on: those its tile sees, rounded up to LANES, so that no
 * loop needs a remainder.  Rows fill up their own with something harmless, and with 0 in the end.
 */
static inline int64_t T(padded)(const gt_attention_job *j, int64_t first, int64_t r, int64_t k0,
                                int64_t keys) {
  int64_t last = first + r / GT_TILE_M * GT_TILE_M + GT_TILE_M - 1;
  return gt_round_up(gt_attention_visible(j, last, k0, keys), T(LANES));
}

/* to = factor * the n channels of a token. */
static inline void T(load)(const real *x, int64_t step, int64_t n, real factor, real *to) {
  if (step == 1) {
    for (int64_t i = 0; i < n; i++) to[i] = factor * x[i];
  } else {
    for (int64_t i = 0; i < n; i++) to[i] = factor * x[i * step];
  }
}

/* Scores of `rows` queries (rows, D) against keys k0 ... k0 + keys: tiles that no query sees are
 * left out.  Also serves dY V^T, which is needed at the same places. */
static inline void T(scores)(const gt_attention_job *j, const real *queries, const real *panels,
                             int64_t first, int64_t rows, int64_t k0, int64_t keys, real *s) {
  int64_t D = j->D;
  for (int64_t r = 0; r < rows; r += GT_TILE_M) {
    int64_t limit = gt_attention_visible(j, first + r + GT_TILE_M - 1, k0, keys);
    const real *q = queries + r * D, *k = panels + k0 * D;
    real *to = s + r * LDS;
    for (int64_t column = 0; column < limit; column += T(N))
      T(gt_tile)(q, D, 1, k + column * D, D, to + column, LDS, false);
  }
}

/* to (GT_TILE_M, width) += A (GT_TILE_M, K) B (K, D), where B's panels belong to a matrix of `rows`
 * rows. */
static inline void T(add_product)(const real *a, int64_t a_row, int64_t a_k, const real *panels,
                                  int64_t rows, int64_t K, int64_t D, real *to) {
  int64_t width = gt_round_up(D, T(N));
  for (int64_t column = 0; column < D; column += T(N))
    T(gt_tile)(a, a_row, a_k, panels + column * rows, K, to + column, width, true);
}

/* One row of n scores becomes exp(s - top), with the running maximum, sum and output row brought to
 * the new top.  Columns n ... end become 0: the product with V reads the first of them. */
static inline void T(gt_softmax_row)(real *s, int64_t n, int64_t end, real *top, real *sum,
                                     real *out, int64_t width) {
  for (int64_t i = n; i < end; i++) s[i] = n > 0 ? s[0] : 0;
  real highest = n > 0 ? T(row_max)(s, end) : *top;
  if (!(highest > *top)) highest = *top;
  real factor = *top == highest ? 1 : T(gt_exp)(*top - highest);
  for (int64_t i = 0; i < end; i += T(LANES))
    for (int64_t k = i; k < i + T(LANES); k++) s[k] = T(gt_exp)(s[k] - highest);
  for (int64_t i = n; i < end; i++) s[i] = 0;
  *sum = *sum * factor + T(row_sum)(s, end);
  *top = highest;
  if (factor == 1) return;
  for (int64_t i = 0; i < width; i++) out[i] *= factor;
}

#endif
