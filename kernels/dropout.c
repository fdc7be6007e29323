/* dropout: y = x / (1 - p) where the random word of an element is at least p 2^32, else 0.
 *
 * Element i takes word i of stream `stream` under `seed` (rng.h), so the backward, which is the
 * same op on dy, makes the mask again instead of keeping it.  (Srivastava et al., 2014.) */
#ifndef real
#include "kernels/cpu.h"
#include "kernels/rule.h"

#include "core/tensor/rng.h"

enum { P, SEED, STREAM };
enum { GRAIN = 16384 }; /* a multiple of the 4 words of a block */

typedef struct job {
  const void *x;
  void *y;
  int64_t count;
  uint64_t seed, stream;
  uint32_t least; /* words below drop their element */
  double scale;
} job;

#define GT_TYPED "kernels/dropout.c"
#include "kernels/typed.h"

static gt_status infer(gt_call *c) {
  double p = c->attr[P].f;
  if (!(p >= 0 && p < 1))
    return gt_fail(c->cx, GT_EARG, "dropout: expected p in [0, 1), got %g", p);
  return gt_infer_real(c);
}

static gt_status forward(gt_call *c) {
  double p = c->attr[P].f;
  job j = {.x = gt_data(c->in[0]),
           .y = gt_data(c->out[0]),
           .count = gt_count(c->out[0]),
           .seed = (uint64_t)c->attr[SEED].i,
           .stream = (uint64_t)c->attr[STREAM].i,
           .least = (uint32_t)(p * 0x1p32),
           .scale = 1 / (1 - p)};
  gt_parallel(c->cx, j.count, GRAIN, GT_PICK(c, range), &j);
  return GT_OK;
}

static gt_status rule(gt_call *c) {
  gt_terms t = {.c = c};
  const gt_arg *args =
      GT_ARGS({"p", c->attr[P]}, {"seed", c->attr[SEED]}, {"stream", c->attr[STREAM]});
  gt_give(&t, 0, gt_term1_with(&t, "dropout", c->gout[0], args));
  return gt_terms_end(&t);
}

static const gt_attr attrs[] = {
    {.name = "p",
     .type = GT_ATTR_FLOAT,
     .fallback = {.given = true, .f = 0.5},
     .doc = "probability of an element to become 0"},
    {.name = "seed",
     .type = GT_ATTR_INT,
     .fallback = {.given = true},
     .doc = "key of the random words"},
    {.name = "stream",
     .type = GT_ATTR_INT,
     .fallback = {.given = true},
     .doc = "which stream of them"},
};

const gt_op gt_op_dropout = {
    .name = "dropout",
    .doc = "zeroes elements with probability p and multiplies the others by 1 / (1 - p)",
    .inputs = "x",
    .where = "",
    .nin = 1,
    .nout = 1,
    .compute = GT_REALS,
    .numeric = 1,
    .differentiable = 1,
    .attrs = attrs,
    .attr_count = GT_COUNT(attrs),
    .infer = infer,
    .forward = forward,
    .rule = rule,
};

#else

static void T(range)(void *argument, int64_t begin, int64_t end) {
  const job *j = argument;
  const real *x = j->x;
  real *y = j->y, scale = (real)j->scale;
  for (int64_t i = begin; i < end; i += 4) {
    uint32_t word[4];
    gt_philox(j->seed, j->stream, (uint64_t)i / 4, word);
    for (int64_t k = 0; k < 4 && i + k < end; k++)
      y[i + k] = word[k] >= j->least ? x[i + k] * scale : 0;
  }
}

#endif
