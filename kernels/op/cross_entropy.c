/* cross_entropy: -log softmax(logits)[target] per row of logits (N, V), reduced; arithmetic in
 * cross_entropy.h.  Saves the top and the rest of each row. */
#ifndef real
#include "kernels/cpu/cross_entropy.h"
#include "kernels/cpu/cpu.h"

enum { GRAIN = 16384 }; /* logits per chunk */

typedef struct job {
  const gt_call *c;
  int64_t N, V, counted;
  double cap;
  const int64_t *target;
  int64_t ignored;
  const void *z;
  void *tops, *losses, *dz;
  bool add;
} job;

#include "kernels/op/typed.h"

static gt_status infer(gt_call *c) {
  const gt_spec *z = &c->in_spec[0];
  char text[GT_SHAPE_TEXT];
  if (!gt_dtype_is_float(z->dtype))
    return gt_fail(c->cx, GT_EDTYPE, "cross_entropy: expected floating-point logits, got %s",
                   gt_dtype_name(z->dtype));
  if (z->ndim != 2)
    return gt_fail(c->cx, GT_ESHAPE, "cross_entropy: expected logits (N, V), got %s",
                   gt_shape_text(z, text));
  return gt_ce_infer(c, 1, z->shape[0], z->dtype);
}

static gt_status open_job(gt_call *c, job *j) {
  *j = (job){.c = c,
             .N = c->in_spec[0].shape[0],
             .V = c->in_spec[0].shape[1],
             .cap = c->attr[GT_CE_SOFTCAP].f,
             .ignored = c->attr[GT_CE_IGNORE].i,
             .z = gt_data(c->in[0]),
             .tops = gt_data(c->out[1])};
  return gt_ce_targets(c, 1, j->V, &j->target, &j->counted);
}

static gt_status forward(gt_call *c) {
  job j;
  GT_TRY(open_job(c, &j));
  GT_TRY(gt_scratch(c->cx, c->device, (size_t)j.N * gt_dtype_size(c->dtype), &j.losses));
  gt_parallel(c->cx, j.N, 1 + GRAIN / (j.V + 1), GT_PICK(c, forward_rows), &j);
  gt_ce_reduce(c, j.losses, j.N, j.counted);
  return GT_OK;
}

static gt_status backward(gt_call *c) {
  job j;
  GT_TRY(open_job(c, &j));
  j.dz = gt_data(c->gin[0]);
  j.add = c->accumulate[0];
  gt_parallel(c->cx, j.N, 1 + GRAIN / (j.V + 1), GT_PICK(c, backward_rows), &j);
  return GT_OK;
}

static const gt_setting attrs[] = {GT_CE_ATTRS};

const gt_op gt_op_cross_entropy = {
    .name = "cross_entropy",
    .doc = "-log softmax(logits)[target] of logits (N, V) and integer targets (N), reduced",
    .inputs = "logits, targets",
    .where = "F",
    .nin = 2,
    .nout = 2,
    .hidden = 1,
    .compute = GT_REALS,
    .numeric = 1,
    .differentiable = 1,
    .save_in = 3,
    .save_out = 2,
    .attrs = attrs,
    .attr_count = GT_COUNT(attrs),
    .infer = infer,
    .forward = forward,
    .backward = backward,
};

#else

static void T(forward_rows)(void *argument, int64_t begin, int64_t end) {
  const job *j = argument;
  real *tops = j->tops, *rests = tops + j->N, *loss = j->losses, cap = (real)j->cap;
  for (int64_t row = begin; row < end; row++) {
    const real *z = (const real *)j->z + row * j->V;
    real top = -INFINITY, sum = 0;
    T(gt_ce_add)(z, j->V, cap, &top, &sum);
    tops[row] = top;
    rests[row] = (real)log(sum);
    loss[row] = j->target[row] == j->ignored
                    ? 0
                    : rests[row] - (T(gt_ce_capped)(z[j->target[row]], cap) - top);
  }
}

static void T(backward_rows)(void *argument, int64_t begin, int64_t end) {
  const job *j = argument;
  const real *tops = j->tops, *rests = tops + j->N, cap = (real)j->cap;
  for (int64_t row = begin; row < end; row++) {
    const real *z = (const real *)j->z + row * j->V;
    real *dz = (real *)j->dz + row * j->V;
    if (j->target[row] != j->ignored) {
      real scale = (real)gt_ce_scale(j->c, row, j->counted);
      int64_t target = j->target[row];
      T(gt_ce_gradient)(z, j->V, cap, tops[row], rests[row], target, scale, j->add, dz);
    } else if (!j->add) {
      memset(dz, 0, (size_t)j->V * sizeof(real));
    }
  }
}

#endif
