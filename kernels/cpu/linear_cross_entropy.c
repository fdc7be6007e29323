/* linear_cross_entropy.c: logits in blocks; row arithmetic in cross_entropy.h.
 *
 * Both passes go through blocks of logits, at most TOKENS by CLASSES numbers: the forward feeds
 * them to each row's running log-sum-exp, the backward turns them into dz and adds dz W to dx and
 * dz^T x to dW.  When one block holds all logits it is kept for the backward; several are made
 * again there, which costs one product more than keeping dW from the forward would, but no second
 * (V, C) matrix, and works for every reduction. */
#ifndef real
#include "kernels/cpu/convert.h"
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/cross_entropy.h"
#include "kernels/cpu/gemm.h"
#include "kernels/cpu/kernels.h"

enum { GRAIN = 16384 }; /* logits per chunk of row work */

typedef struct job {
  const gt_call *c;
  int64_t N, C, V, counted;
  double cap;
  const int64_t *target;
  int64_t ignored;
  void *logits, *block;     /* (tokens, classes); the same but in the backward of kept logits */
  int64_t token, tokens;    /* rows of the block */
  int64_t class_, classes;  /* its columns */
  void *top, *sum, *picked; /* (N) running maximum, sum and then its log, target's capped logit */
  void *dz;                 /* the block rounded to bf16, where x and W are that */
  void *gradient[2];        /* of x (N, C) and W (V, C), not rounded */
} job;

#include "kernels/op/typed.h"

/* Of the block of logits. */
static size_t block_bytes(const gt_call *c) {
  int64_t N = c->in_spec[0].shape[0], V = c->in_spec[1].shape[0];
  return (size_t)(gt_min(N, GT_LCE_TOKENS) * gt_min(V, GT_LCE_CLASSES)) * gt_dtype_size(c->dtype);
}

static size_t input_bytes(const gt_call *c, int input) {
  return (size_t)gt_spec_count(&c->in_spec[input]) * gt_dtype_size(c->dtype);
}

/* The forward also has a number per row; the backward what the gradient of W takes, and where
 * x and W are bf16 a rounded block and gradients to add up in. */
size_t gt_cpu_linear_cross_entropy_scratch(const gt_call *c, bool backward) {
  int64_t N = c->in_spec[0].shape[0], C = c->in_spec[0].shape[1], V = c->in_spec[1].shape[0];
  size_t block = block_bytes(c);
  if (!backward) return block + (size_t)N * gt_dtype_size(c->dtype);
  block +=
      gt_gemm_gradient_scratch(c->dtype, gt_min(V, GT_LCE_CLASSES), C, gt_min(N, GT_LCE_TOKENS));
  if (!gt_gemm_is_bf16(c)) return block;
  return block + block_bytes(c) / 2 + input_bytes(c, 0) + input_bytes(c, 1);
}

static gt_status open_job(gt_call *c, job *j) {
  const gt_spec *x = &c->in_spec[0], *w = &c->in_spec[1];
  *j = (job){.c = c,
             .N = x->shape[0],
             .C = x->shape[1],
             .V = w->shape[0],
             .cap = c->attr[GT_CE_SOFTCAP].f,
             .ignored = c->attr[GT_CE_IGNORE].i,
             .top = gt_data(c->out[1])};
  j->sum = (char *)j->top + (size_t)j->N * gt_dtype_size(c->dtype);
  GT_TRY(gt_ce_targets(c, 2, j->V, &j->target, &j->counted));
  GT_TRY(gt_scratch(c->cx, c->device, block_bytes(c), &j->block));
  j->logits = gt_lce_keeps_logits(j->N, j->V) ? gt_data(c->out[2]) : j->block;
  return GT_OK;
}

/* Rows of x or W from `row` on. */
static gt_matrix rows_of(const gt_call *c, int input, int64_t row, bool transposed) {
  int64_t C = c->in_spec[input].shape[1];
  bool bf16 = gt_gemm_is_bf16(c);
  size_t size = bf16 ? sizeof(uint16_t) : gt_dtype_size(c->dtype);
  const char *data = gt_data(c->in[input]);
  return (gt_matrix){data + (size_t)(row * C) * size, C, transposed, bf16};
}

/* The next block: classes first, then tokens; false after the last.  Start with classes == 0. */
static bool next_block(job *j) {
  j->class_ += j->classes;
  if (j->classes == 0 || j->class_ >= j->V) {
    j->token += j->tokens;
    j->class_ = 0;
  }
  if (j->token >= j->N || j->V == 0) return false;
  j->tokens = gt_min(j->N - j->token, GT_LCE_TOKENS);
  j->classes = gt_min(j->V - j->class_, GT_LCE_CLASSES);
  return true;
}

static void each_row(gt_call *c, job *j, gt_task task) {
  gt_parallel(c->cx, j->tokens, 1 + GRAIN / (j->classes + 1), task, j);
}

/* logits = x W^T at the job's place. */
static void make_block(gt_call *c, const job *j) {
  gt_gemm(c->cx, c->dtype, j->tokens, j->classes, j->C, rows_of(c, 0, j->token, false),
          rows_of(c, 1, j->class_, true), false, j->logits, j->classes);
}

gt_status gt_cpu_linear_cross_entropy_forward(gt_call *c) {
  job j;
  GT_TRY(open_job(c, &j));
  GT_TRY(gt_scratch(c->cx, c->device, (size_t)j.N * gt_dtype_size(c->dtype), &j.picked));
  GT_PICK(c, start_rows)(&j);
  while (next_block(&j)) {
    make_block(c, &j);
    each_row(c, &j, GT_PICK(c, add_rows));
  }
  GT_PICK(c, finish_rows)(&j);
  gt_ce_reduce(c, j.picked, j.N, j.counted);
  return GT_OK;
}

/* ---- backward ---- */

/* Where the gradients are added up: themselves, or blocks of their own until they are rounded. */
static gt_status open_gradients(gt_call *c, job *j) {
  bool bf16 = gt_gemm_is_bf16(c);
  if (bf16) GT_TRY(gt_scratch(c->cx, c->device, block_bytes(c) / 2, &j->dz));
  for (int i = 0; i < 2; i++) {
    if (c->gin[i] == NULL) continue;
    j->gradient[i] = gt_data(c->gin[i]);
    if (bf16) GT_TRY(gt_scratch(c->cx, c->device, input_bytes(c, i), &j->gradient[i]));
    if (j->N == 0 || j->V == 0) { /* no block writes it */
      if (bf16 || !c->accumulate[i]) memset(j->gradient[i], 0, input_bytes(c, i));
    }
  }
  return GT_OK;
}

typedef struct rounding {
  const float *sums;
  bool add;
  uint16_t *to;
} rounding;

static void round_sums(void *argument, int64_t begin, int64_t end) {
  const rounding *r = argument;
  for (int64_t i = begin; i < end; i++)
    r->to[i] = gt_to_bf16((r->add ? gt_from_bf16(r->to[i]) : 0) + r->sums[i]);
}

static void close_gradients(gt_call *c, const job *j) {
  for (int i = 0; i < 2 && gt_gemm_is_bf16(c); i++) {
    if (c->gin[i] == NULL) continue;
    rounding r = {j->gradient[i], c->accumulate[i], gt_data(c->gin[i])};
    gt_parallel(c->cx, gt_count(c->gin[i]), GT_MAP_GRAIN, round_sums, &r);
  }
}

/* Adds the part of a block of dz to both gradients. */
static gt_status add_block(gt_call *c, const job *j) {
  bool bf16 = j->dz != NULL;
  size_t row = (size_t)j->C * gt_dtype_size(c->dtype);
  gt_matrix dz = {bf16 ? j->dz : j->block, j->classes, false, bf16};
  if (c->gin[0] != NULL) {
    bool add = j->class_ > 0 || (c->accumulate[0] && !bf16);
    gt_gemm(c->cx, c->dtype, j->tokens, j->C, j->classes, dz, rows_of(c, 1, j->class_, false), add,
            (char *)j->gradient[0] + (size_t)j->token * row, j->C);
  }
  if (c->gin[1] != NULL) {
    bool add = j->token > 0 || (c->accumulate[1] && !bf16);
    GT_TRY(gt_gemm_gradient(c, c->dtype, j->classes, j->C, j->tokens, dz,
                            rows_of(c, 0, j->token, false), add,
                            (char *)j->gradient[1] + (size_t)j->class_ * row));
  }
  return GT_OK;
}

gt_status gt_cpu_linear_cross_entropy_backward(gt_call *c) {
  job j;
  GT_TRY(open_job(c, &j));
  GT_TRY(open_gradients(c, &j));
  while (next_block(&j)) {
    if (j.logits == j.block) make_block(c, &j);
    each_row(c, &j, GT_PICK(c, gradient_rows));
    GT_TRY(add_block(c, &j));
  }
  close_gradients(c, &j);
  return GT_OK;
}

#else

static void T(start_rows)(const job *j) {
  for (int64_t i = 0; i < j->N; i++) {
    ((real *)j->top)[i] = -INFINITY;
    ((real *)j->sum)[i] = ((real *)j->picked)[i] = 0;
  }
}

/* Rows [begin, end) of the block of logits, into the running log-sum-exp. */
static void T(add_rows)(void *argument, int64_t begin, int64_t end) {
  const job *j = argument;
  for (int64_t i = begin; i < end; i++) {
    const real *z = (const real *)j->logits + i * j->classes;
    int64_t row = j->token + i, target = j->target[row] - j->class_;
    T(gt_ce_add)(z, j->classes, (real)j->cap, (real *)j->top + row, (real *)j->sum + row);
    if (target >= 0 && target < j->classes)
      ((real *)j->picked)[row] = T(gt_ce_capped)(z[target], (real)j->cap);
  }
}

/* The rests in the place of the sums, and the losses in that of the targets' logits. */
static void T(finish_rows)(const job *j) {
  const real *top = j->top;
  real *sum = j->sum, *picked = j->picked;
  for (int64_t i = 0; i < j->N; i++) {
    sum[i] = (real)log(sum[i]);
    picked[i] = j->target[i] == j->ignored ? 0 : sum[i] - (picked[i] - top[i]);
  }
}

/* Rows [begin, end) of dz, in the block. */
static void T(gradient_rows)(void *argument, int64_t begin, int64_t end) {
  const job *j = argument;
  const real *top = j->top, *sum = j->sum, cap = (real)j->cap;
  for (int64_t i = begin; i < end; i++) {
    const real *z = (const real *)j->logits + i * j->classes;
    real *dz = (real *)j->block + i * j->classes;
    int64_t row = j->token + i, target = j->target[row] - j->class_;
    if (j->target[row] == j->ignored) {
      memset(dz, 0, (size_t)j->classes * sizeof(real));
      continue;
    }
    real scale = (real)gt_ce_scale(j->c, row, j->counted);
    T(gt_ce_gradient)(z, j->classes, cap, top[row], sum[row], target, scale, false, dz);
  }
  if (j->dz == NULL) return;
  int64_t from = begin * j->classes, n = (end - begin) * j->classes;
  gt_convert((uint16_t *)j->dz + from, GT_BF16, (const real *)j->block + from, j->c->dtype, n);
}

#endif
