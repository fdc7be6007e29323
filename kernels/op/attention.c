/* attention: softmax(scale Q K^T) V per head, block by block, never holding a (T, S) matrix.
 *
 * Forward: per block of queries a running maximum m and sum l over blocks of keys (Milakov and
 * Gimelshein, 2018; Dao et al., FlashAttention, 2022); saves y and lse = m + log l.
 * Backward, with P = exp(scale Q K^T - lse), D_i = sum(dy_i y_i):
 *   dV = P^T dY,  dS = P (dY V^T - D),  dQ = scale dS K,  dK = scale dS^T Q.
 *
 * Causal means key j <= query i + offset, counted from the first of each; offset 0 is what PyTorch
 * does when T != S, and `offset` keys that came before the queries make a cache.
 * Dropout multiplies P by a mask m of 0 and 1 / (1 - p) before it meets V: word ((b H + h) T + i) S
 * + j of a random stream decides (as the op dropout does on P), in the backward again: dV = (m P)^T
 * dY,  dS = P (m dY V^T - D). Grouped queries: head h reads key head h / (H / Hkv).  q, k, v may
 * have any strides: operands are packed once per head into the panels of tile.h, but for a single
 * query, which reads keys and values where they lie (decoding with a cache).  Work is shared out by
 * (head, block of queries) in the forward, by (batch, key head) in the backward; each output
 * element has one owner. */
#ifndef real
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/drop.h"
#include "kernels/cpu/tile.h"
#include "kernels/op/shape.h"

#include <math.h>

enum { LAYOUT, CAUSAL, SCALE, OFFSET, DROPOUT, SEED, STREAM };
enum { BTHD, BHTD };
enum { QUERIES = 64, KEYS = 256 }; /* a block of scores; multiples of the tile */
enum { LDS = KEYS + 16 };          /* row step of a block: an odd number of cache lines */
enum { MOST_CHANNELS = 1 << 20 };  /* with INT32_MAX tokens no size below overflows */
enum { PACKED_BYTES = 4 << 20 };   /* of panels at a time; one sequence may need more */

typedef struct steps {
  int64_t batch, token, head, channel;
} steps;

typedef struct job {
  int64_t B, H, Hkv, T, S, D;
  bool causal;
  int64_t offset; /* query i stands beside key i + offset */
  double scale;
  gt_drop drop;
  const void *q, *k, *v, *y, *dy;
  void *out, *lse; /* lse (B, H, T) */
  void *gradient[3];
  steps q_at, k_at, v_at, out_at, gradient_at[3];
  bool add[3];
  int64_t batch, batches;            /* forward: those being computed, from `batch` on */
  void *packed;                      /* forward: panels of K^T and V per batch and key head */
  void *scratch;                     /* per worker */
  int64_t packed_size, scratch_size; /* elements of one key head, of one worker */
} job;

/* How many of `keys` keys from k0 on query number `query` sees. */
static int64_t visible(const job *j, int64_t query, int64_t k0, int64_t keys) {
  return j->causal ? gt_max(0, gt_min(keys, query + j->offset + 1 - k0)) : keys;
}

#include "kernels/op/typed.h"

static gt_status check_shapes(gt_call *c, int heads) {
  const gt_spec *q = &c->in_spec[0], *k = &c->in_spec[1], *v = &c->in_spec[2];
  char text[3][GT_SHAPE_TEXT];
  const char *layout = heads == 1 ? "(B, H, T, D)" : "(B, T, H, D)";
  for (int i = 0; i < 3; i++) {
    const gt_spec *x = &c->in_spec[i];
    if (!gt_dtype_is_float(x->dtype))
      return gt_fail(c->cx, GT_EDTYPE, "attention: expected floating-point tensors, got %s",
                     gt_dtype_name(x->dtype));
    if (x->ndim != 4)
      return gt_fail(c->cx, GT_ESHAPE, "attention: expected tensors %s, got %s", layout,
                     gt_shape_text(x, text[0]));
  }
  if (k->shape[0] != q->shape[0] || k->shape[3] != q->shape[3] || !gt_same_shape(k, v))
    return gt_fail(c->cx, GT_ESHAPE,
                   "attention: expected q, k, v %s with one B and D, k and v of one shape, "
                   "got %s, %s, %s",
                   layout, gt_shape_text(q, text[0]), gt_shape_text(k, text[1]),
                   gt_shape_text(v, text[2]));
  if (gt_max(q->shape[3 - heads], k->shape[3 - heads]) > INT32_MAX || q->shape[3] > MOST_CHANNELS)
    return gt_fail(c->cx, GT_ESHAPE,
                   "attention: expected at most %d tokens of %d channels, got %s and %s", INT32_MAX,
                   MOST_CHANNELS, gt_shape_text(q, text[0]), gt_shape_text(k, text[1]));
  int64_t H = q->shape[heads], Hkv = k->shape[heads];
  if (Hkv == 0 ? H != 0 : H % Hkv != 0)
    return gt_fail(c->cx, GT_ESHAPE, "attention: expected a multiple of %lld query heads, got %lld",
                   (long long)Hkv, (long long)H);
  return GT_OK;
}

static gt_status infer(gt_call *c) {
  const gt_spec *q = &c->in_spec[0];
  int heads = c->attr[LAYOUT].i == BHTD ? 1 : 2;
  GT_TRY(check_shapes(c, heads));
  if (c->attr[OFFSET].i < 0 || c->attr[OFFSET].i > INT32_MAX)
    return gt_fail(c->cx, GT_EARG, "attention: expected offset in 0 ... 2147483647, got %lld",
                   (long long)c->attr[OFFSET].i);
  GT_TRY(gt_check_dropout(c, c->attr[DROPOUT].f));
  GT_TRY(gt_out_like(c, 0, 0));
  int64_t lse[3] = {q->shape[0], q->shape[heads], q->shape[3 - heads]};
  return gt_out_spec(c, 1, c->dtype, 3, lse);
}

static steps steps_of(const gt_call *c, const gt_tensor *x) {
  int heads = c->attr[LAYOUT].i == BHTD ? 1 : 2;
  return (steps){x->stride[0], x->stride[3 - heads], x->stride[heads], x->stride[3]};
}

static job job_of(const gt_call *c) {
  const gt_spec *q = &c->in_spec[0], *k = &c->in_spec[1];
  int heads = c->attr[LAYOUT].i == BHTD ? 1 : 2;
  double D = (double)q->shape[3];
  return (job){.B = q->shape[0],
               .H = q->shape[heads],
               .Hkv = k->shape[heads],
               .T = q->shape[3 - heads],
               .S = k->shape[3 - heads],
               .D = q->shape[3],
               .causal = c->attr[CAUSAL].i != 0,
               .offset = c->attr[OFFSET].i,
               .drop = gt_drop_of(c->attr[DROPOUT].f, c->attr[SEED].i, c->attr[STREAM].i),
               .scale = c->attr[SCALE].given ? c->attr[SCALE].f : 1 / sqrt(D),
               .q = gt_data(c->in[0]),
               .k = gt_data(c->in[1]),
               .v = gt_data(c->in[2]),
               .q_at = steps_of(c, c->in[0]),
               .k_at = steps_of(c, c->in[1]),
               .v_at = steps_of(c, c->in[2])};
}

/* Sequences whose panels the forward holds at once. */
static int64_t together(const gt_call *c, const job *j) {
  int64_t bytes = j->Hkv * j->packed_size * (int64_t)gt_dtype_size(c->dtype);
  return gt_min(gt_max(1, PACKED_BYTES / gt_max(1, bytes)), j->B);
}

/* Of a training step: a forward of many queries, a backward. */
static size_t scratch(const gt_call *c, bool backward) {
  job j = job_of(c);
  if (backward)
    GT_PICK(c, backward_sizes)(&j);
  else
    GT_PICK(c, forward_sizes)(&j);
  int64_t packed = backward ? 0 : together(c, &j) * j.Hkv * j.packed_size;
  return (size_t)(packed + gt_pool_threads(c->cx) * j.scratch_size) * gt_dtype_size(c->dtype);
}

static gt_status scratch_for(gt_call *c, int64_t count, int64_t elements, void **out) {
  return gt_scratch(c->cx, c->device, (size_t)(count * elements) * gt_dtype_size(c->dtype), out);
}

/* A single query, with channels in whole vectors. */
static bool is_single(const gt_call *c, const job *j) {
  int64_t lanes = GT_VECTOR_BYTES / (int64_t)gt_dtype_size(c->dtype);
  return j->T == 1 && j->S > 0 && j->D % lanes == 0 && !j->drop.on;
}

static gt_status forward(gt_call *c) {
  job j = job_of(c);
  if (gt_count(c->out[0]) == 0) return GT_OK;
  j.out = gt_data(c->out[0]);
  j.lse = gt_data(c->out[1]);
  j.out_at = steps_of(c, c->out[0]);
  if (is_single(c, &j)) {
    j.scratch_size = 2 * j.D + gt_round_up(j.S, GT_VECTOR_BYTES);
    GT_TRY(scratch_for(c, gt_pool_threads(c->cx), j.scratch_size, &j.scratch));
    gt_parallel(c->cx, j.B * j.H, 1, GT_PICK(c, forward_single), &j);
    return GT_OK;
  }
  GT_PICK(c, forward_sizes)(&j);
  int64_t step = together(c, &j);
  GT_TRY(scratch_for(c, step * j.Hkv, j.packed_size, &j.packed));
  GT_TRY(scratch_for(c, gt_pool_threads(c->cx), j.scratch_size, &j.scratch));
  int64_t blocks = gt_parts(j.T, QUERIES);
  for (j.batch = 0; j.batch < j.B; j.batch += step) {
    j.batches = gt_min(step, j.B - j.batch);
    gt_parallel(c->cx, j.batches * j.Hkv, 1, GT_PICK(c, pack_heads), &j);
    gt_parallel(c->cx, blocks * j.batches * j.H, 1, GT_PICK(c, forward_blocks), &j);
  }
  return GT_OK;
}

static gt_status backward(gt_call *c) {
  job j = job_of(c);
  if (j.Hkv == 0) return GT_OK;
  j.y = gt_data(c->out[0]);
  j.lse = gt_data(c->out[1]);
  j.dy = gt_data(c->gout[0]);
  j.out_at = steps_of(c, c->out[0]);
  for (int i = 0; i < 3; i++) {
    if (c->gin[i] == NULL) continue;
    j.gradient[i] = gt_data(c->gin[i]);
    j.gradient_at[i] = steps_of(c, c->gin[i]);
    j.add[i] = c->accumulate[i];
  }
  GT_PICK(c, backward_sizes)(&j);
  GT_TRY(scratch_for(c, gt_pool_threads(c->cx), j.scratch_size, &j.scratch));
  gt_parallel(c->cx, j.B * j.Hkv, 1, GT_PICK(c, backward_heads), &j);
  return GT_OK;
}

static const gt_attr attrs[] = {
    {.name = "layout",
     .type = GT_ATTR_CHOICE,
     .choices = "bthd|bhtd",
     .doc = "order of dimensions: (B, T, H, D) or (B, H, T, D)"},
    {.name = "is_causal", .type = GT_ATTR_BOOL, .doc = "query i sees keys 0 ... i only"},
    {.name = "scale",
     .type = GT_ATTR_FLOAT,
     .doc = "factor of the scores; 1 / sqrt(D) if not given"},
    {.name = "offset",
     .type = GT_ATTR_INT,
     .fallback = {.given = true},
     .doc = "of is_causal: query i sees keys 0 ... i + offset"},
    {.name = "dropout", .type = GT_ATTR_FLOAT, .doc = "probability of a weight to become 0"},
    {.name = "seed",
     .type = GT_ATTR_INT,
     .fallback = {.given = true},
     .doc = "of dropout: key of the random words"},
    {.name = "stream",
     .type = GT_ATTR_INT,
     .fallback = {.given = true},
     .doc = "of dropout: which stream of them"},
};

const gt_op gt_op_attention = {
    .name = "attention",
    .doc = "softmax(scale q k^T) v per head",
    .inputs = "q, k, v",
    .where = "",
    .nin = 3,
    .nout = 2,
    .hidden = 1,
    .autocast = true,
    .compute = GT_REALS,
    .numeric = 7,
    .strided = 7,
    .differentiable = 7,
    .save_in = 7,
    .save_out = 3,
    .attrs = attrs,
    .attr_count = GT_COUNT(attrs),
    .infer = infer,
    .scratch = scratch,
    .forward = forward,
    .backward = backward,
};

#else
#include "kernels/cpu/lanes.h"

enum { T(N) = T(gt_tile_n) };

/* Columns of row r that are worked on: those its tile sees, as whole LANES, so that no loop has a
 * rest.  Rows fill up their own with something harmless, and with 0 in the end. */
static int64_t T(padded)(const job *j, int64_t first, int64_t r, int64_t k0, int64_t keys) {
  int64_t last = first + r / GT_TILE_M * GT_TILE_M + GT_TILE_M - 1;
  return gt_round_up(visible(j, last, k0, keys), T(LANES));
}

/* to = factor * the n channels of a token. */
static void T(load)(const real *x, int64_t step, int64_t n, real factor, real *to) {
  if (step == 1) {
    for (int64_t i = 0; i < n; i++) to[i] = factor * x[i];
  } else {
    for (int64_t i = 0; i < n; i++) to[i] = factor * x[i * step];
  }
}

/* Scores of `rows` queries (rows, D) against keys k0 ... k0 + keys: tiles nobody sees are left out.
 * Also serves dY V^T, which is needed at the same places. */
static void T(scores)(const job *j, const real *queries, const real *panels, int64_t first,
                      int64_t rows, int64_t k0, int64_t keys, real *s) {
  for (int64_t r = 0; r < rows; r += GT_TILE_M) {
    int64_t limit = visible(j, first + r + GT_TILE_M - 1, k0, keys);
    for (int64_t column = 0; column < limit; column += T(N)) T(gt_tile)
    (queries + r * j->D, j->D, 1, panels + (k0 + column) * j->D, j->D, s + r * LDS + column, LDS,
     false);
  }
}

/* ---- forward ---- */

static void T(forward_sizes)(job *j) {
  int64_t width = gt_round_up(j->D, T(N));
  j->packed_size = gt_round_up(j->S, T(N)) * j->D + width * j->S;
  j->scratch_size = QUERIES * (j->D + width + LDS + 2);
}

static void T(pack_heads)(void *argument, int64_t begin, int64_t end) {
  const job *j = argument;
  for (int64_t item = begin; item < end; item++) {
    int64_t batch = j->batch + item / j->Hkv, head = item % j->Hkv;
    real *to = (real *)j->packed + item * j->packed_size;
    const real *k = (const real *)j->k + batch * j->k_at.batch + head * j->k_at.head;
    const real *v = (const real *)j->v + batch * j->v_at.batch + head * j->v_at.head;
    T(gt_pack_transposed)(k, j->k_at.token, j->k_at.channel, j->S, j->D, to);
    T(gt_pack)(v, j->v_at.token, j->v_at.channel, j->S, j->D, to + gt_round_up(j->S, T(N)) * j->D);
  }
}

/* One row of n scores becomes exp(s - top), with the running maximum, sum and output row brought to
 * the new top.  Columns n ... end become 0: the product with V reads the first of them. */
static void T(softmax_row)(real *s, int64_t n, int64_t end, real *top, real *sum, real *out,
                           int64_t width) {
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

static void T(forward_block)(const job *j, int64_t batch, int64_t head, int64_t first,
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
  int64_t seen = visible(j, first + rows - 1, 0, j->S);
  for (int64_t k0 = 0; k0 < seen; k0 += KEYS) {
    int64_t keys = gt_min(KEYS, seen - k0);
    T(scores)(j, q, k_panels, first, rows, k0, keys, s);
    for (int64_t r = 0; r < rows; r++) {
      T(softmax_row)
      (s + r * LDS, visible(j, first + r, k0, keys), T(padded)(j, first, r, k0, keys), &top[r],
       &sum[r], out + r * width, width);
      if (j->drop.on) T(gt_drop_row)
      (&j->drop, (lse + r - (const real *)j->lse) * j->S + k0, s + r * LDS,
       visible(j, first + r, k0, keys));
    }
    for (int64_t r = 0; r < padded; r += GT_TILE_M) {
      int64_t limit = visible(j, first + r + GT_TILE_M - 1, k0, keys);
      for (int64_t column = 0; limit > 0 && column < D; column += T(N)) T(gt_tile)
      (s + r * LDS, LDS, 1, v_panels + column * j->S + k0 * T(N), limit, out + r * width + column,
       width, true);
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
  const job *j = argument;
  int64_t blocks = gt_parts(j->T, QUERIES);
  real *scratch = (real *)j->scratch + gt_worker() * j->scratch_size;
  for (int64_t item = begin; item < end; item++) {
    int64_t block = blocks - 1 - item % blocks, head = item / blocks;
    T(forward_block)(j, j->batch + head / j->H, head % j->H, block * QUERIES, scratch);
  }
}

/* ---- forward of a single query ---- */

/* A vector of channels. */
static inline T(gt_vector) T(channels)(const real *x, int64_t step) {
  enum { lanes = T(N) / 2 };
  T(gt_vector) v = {0};
  if (step == 1) return *(const T(gt_vector) *)x;
  for (int i = 0; i < lanes; i++) v[i] = x[i * step];
  return v;
}

/* Scores of a vector's worth of keys, `left` of them there: a sum of products per lane and key,
 * turned around so that the lanes of each key are added up together. */
static inline void T(single_scores)(const real *q, const real *k, const steps *at, int64_t left,
                                    int64_t D, real *s) {
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
                                                                   const steps *at, int64_t n,
                                                                   real factor, int vectors,
                                                                   real *y) {
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
  const job *j = argument;
  real *q = (real *)j->scratch + gt_worker() * j->scratch_size, *out = q + j->D, *s = out + j->D;
  int64_t n = visible(j, 0, 0, j->S);
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

/* ---- backward ---- */

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
static int64_t T(lay_out)(const job *j, real *base, T(head) * head) {
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

static void T(backward_sizes)(job *j) {
  T(head) head;
  j->scratch_size = T(lay_out)(j, NULL, &head);
}

static void T(load_keys)(const job *j, int64_t batch, int64_t key_head, T(head) * h) {
  const real *k = (const real *)j->k + batch * j->k_at.batch + key_head * j->k_at.head;
  const real *v = (const real *)j->v + batch * j->v_at.batch + key_head * j->v_at.head;
  size_t sums = (size_t)(gt_round_up(j->S, T(N)) * gt_round_up(j->D, T(N))) * sizeof(real);
  T(gt_pack_transposed)(k, j->k_at.token, j->k_at.channel, j->S, j->D, h->k_t);
  T(gt_pack_transposed)(v, j->v_at.token, j->v_at.channel, j->S, j->D, h->v_t);
  T(gt_pack)(k, j->k_at.token, j->k_at.channel, j->S, j->D, h->k);
  memset(h->dk, 0, sums);
  memset(h->dv, 0, sums);
}

static void T(load_queries)(const job *j, int64_t batch, int64_t head, T(head) * h) {
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
static void T(block_gradient)(const job *j, const T(head) * h, const real *lse, int64_t first,
                              int64_t rows, int64_t k0, int64_t keys) {
  for (int64_t r = 0; r < rows; r++) {
    real *p = h->p + r * LDS, *ds = h->ds + r * LDS;
    int64_t n = visible(j, first + r, k0, keys);
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
static void T(backward_block)(const job *j, const T(head) * h, const real *lse, int64_t first,
                              int64_t k0) {
  int64_t D = j->D, width = gt_round_up(D, T(N)), T_ = j->T;
  int64_t rows = gt_min(QUERIES, T_ - first);
  int64_t keys = visible(j, first + rows - 1, k0, gt_min(KEYS, j->S - k0));
  T(scores)(j, h->q + first * D, h->k_t, first, rows, k0, keys, h->p);
  T(scores)(j, h->dy + first * D, h->v_t, first, rows, k0, keys, h->ds);
  T(block_gradient)(j, h, lse, first, rows, k0, keys);
  for (int64_t key = 0; key < keys; key += GT_TILE_M) {
    int64_t skip = j->causal ? gt_max(0, k0 + key - j->offset - first) : 0; /* queries before */
    for (int64_t column = 0; column < D; column += T(N)) {
      int64_t panel = column * T_ + (first + skip) * T(N), to = (k0 + key) * width + column;
      T(gt_tile)
      (h->p + skip * LDS + key, 1, LDS, h->dy_panels + panel, rows - skip, h->dv + to, width, true);
      T(gt_tile)
      (h->ds + skip * LDS + key, 1, LDS, h->q_panels + panel, rows - skip, h->dk + to, width, true);
    }
  }
  for (int64_t r = 0; r < rows; r += GT_TILE_M) {
    int64_t limit = visible(j, first + r + GT_TILE_M - 1, k0, keys);
    for (int64_t column = 0; limit > 0 && column < D; column += T(N)) T(gt_tile)
    (h->ds + r * LDS, LDS, 1, h->k + column * j->S + k0 * T(N), limit,
     h->dq + (first + r) * width + column, width, true);
  }
}

/* gradient = or += factor * the sums (tokens, width) of one head. */
static void T(store)(const job *j, int input, int64_t batch, int64_t head, const real *sums,
                     int64_t tokens, real factor) {
  const steps *at = &j->gradient_at[input];
  if (j->gradient[input] == NULL) return;
  real *to = (real *)j->gradient[input] + batch * at->batch + head * at->head;
  for (int64_t t = 0; t < tokens; t++, to += at->token, sums += gt_round_up(j->D, T(N))) {
    for (int64_t i = 0; i < j->D; i++) to[i] = (j->add[input] ? to[i] : 0) + factor * sums[i];
  }
}

static void T(backward_heads)(void *argument, int64_t begin, int64_t end) {
  const job *j = argument;
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
