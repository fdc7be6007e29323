/* dropout: y = x / (1 - p) or 0, by the masks of drop.h.  The backward, which is the same op on dy,
 * makes the mask again instead of keeping it.  (Srivastava et al., 2014.) */
#ifndef real
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/drop.h"
#include "kernels/op/rule.h"
#include "kernels/op/shape.h"

enum { P, SEED, STREAM };
enum { GRAIN = 16384 }; /* a multiple of the 4 words of a block */

typedef struct job {
  const void *x;
  void *y;
  gt_drop drop;
} job;

#include "kernels/op/typed.h"

static gt_status infer(gt_call *c) {
  GT_TRY(gt_check_dropout(c, c->attr[P].f));
  return gt_infer_real(c);
}

static gt_status forward(gt_call *c) {
  job j = {gt_data(c->in[0]), gt_data(c->out[0]),
           gt_drop_of(c->attr[P].f, c->attr[SEED].i, c->attr[STREAM].i)};
  gt_parallel(c->cx, gt_count(c->out[0]), GRAIN, GT_PICK(c, range), &j);
  return GT_OK;
}

static gt_status rule(gt_call *c) {
  gt_frame f = {.cx = c->cx};
  const gt_arg *args =
      GT_ARGS({"p", c->attr[P]}, {"seed", c->attr[SEED]}, {"stream", c->attr[STREAM]});
  gt_give(&f, c, 0, gt_op1_with(&f, "dropout", c->gout[0], args));
  return gt_frame_end(&f);
}

static const gt_setting attrs[] = {
    {.name = "p",
     .type = GT_SETTING_FLOAT,
     .preset = {.given = true, .f = 0.5},
     .doc = "probability of an element to become 0"},
    {.name = "seed",
     .type = GT_SETTING_INT,
     .preset = {.given = true},
     .doc = "key of the random words"},
    {.name = "stream",
     .type = GT_SETTING_INT,
     .preset = {.given = true},
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
  real *y = (real *)j->y + begin;
  memcpy(y, (const real *)j->x + begin, (size_t)(end - begin) * sizeof(real));
  T(gt_drop_row)(&j->drop, begin, y, end - begin);
}

#endif
