/* adamw: one step of AdamW on parameter p with gradient g and moving averages m, v, in one pass
 * (Loshchilov and Hutter, 2019); rounded in PyTorch's order.
 *
 *   p <- p (1 - lr wd);  m <- m + (1 - beta1)(g - m);  v <- beta2 v + (1 - beta2) g g
 *   p <- p - lr / (1 - beta1^t)  m / (sqrt(v) / sqrt(1 - beta2^t) + eps)
 *
 * Each tensor may have its own floating-point dtype.  Arithmetic is f64 when p is f64, else f32;
 * what has another dtype is widened and narrowed block by block in the first-level cache. */
#ifndef real
#include "core/tensor/op.h"
#include "core/tensor/pool.h"
#include "kernels/cpu/convert.h"
#include "kernels/op/arithmetic.h"

#include <math.h>

enum { LR, BETA1, BETA2, EPS, WEIGHT_DECAY, STEP };
enum { P, G, M, V, ARRAYS };
enum { BLOCK = 1024, GRAIN = 8 * BLOCK };

typedef struct job {
  gt_dtype compute, dtype[ARRAYS];
  char *data[ARRAYS];
  unsigned writes;
  double keep, beta2, rest1, rest2, size, root, eps;
} job;

#include "kernels/op/typed.h"

static void step_range(void *argument, int64_t begin, int64_t end) {
  const job *j = argument;
  double buffer[ARRAYS][BLOCK];
  void *array[ARRAYS];
  for (int64_t first = begin; first < end; first += BLOCK) {
    int64_t n = gt_min(end - first, BLOCK);
    for (int i = 0; i < ARRAYS; i++) {
      char *at = j->data[i] + (size_t)first * gt_dtype_size(j->dtype[i]);
      bool direct = j->dtype[i] == j->compute;
      array[i] = direct ? (void *)at : (void *)buffer[i];
      if (!direct) gt_convert(buffer[i], j->compute, at, j->dtype[i], n);
    }
    if (j->compute == GT_F64)
      step_block_f64(j, n, array);
    else
      step_block_f32(j, n, array);
    for (int i = 0; i < ARRAYS; i++) {
      char *at = j->data[i] + (size_t)first * gt_dtype_size(j->dtype[i]);
      if (j->writes >> i & 1u && array[i] == buffer[i])
        gt_convert(at, j->dtype[i], buffer[i], j->compute, n);
    }
  }
}

static gt_status infer(gt_call *c) {
  char want[GT_SHAPE_TEXT], got[GT_SHAPE_TEXT];
  if (c->attr[STEP].i < 1)
    return gt_fail(c->cx, GT_EARG, "adamw: expected steps to count from 1, got %lld",
                   (long long)c->attr[STEP].i);
  for (int i = 0; i < ARRAYS; i++) {
    if (!gt_dtype_is_float(c->in_spec[i].dtype))
      return gt_fail(c->cx, GT_EDTYPE, "adamw: expected floating-point tensors, got %s",
                     gt_dtype_name(c->in_spec[i].dtype));
    if (!gt_same_shape(&c->in_spec[i], &c->in_spec[P]))
      return gt_fail(c->cx, GT_ESHAPE, "adamw: expected tensors of one shape, got %s and %s",
                     gt_shape_text(&c->in_spec[P], want), gt_shape_text(&c->in_spec[i], got));
  }
  return GT_OK;
}

static gt_status forward(gt_call *c) {
  const gt_value *a = c->attr;
  double t = (double)a[STEP].i;
  job j = {.compute = c->in[P]->dtype == GT_F64 ? GT_F64 : GT_F32,
           .writes = c->op->writes,
           .keep = 1 - a[LR].f * a[WEIGHT_DECAY].f,
           .beta2 = a[BETA2].f,
           .rest1 = 1 - a[BETA1].f,
           .rest2 = 1 - a[BETA2].f,
           .size = -a[LR].f / (1 - pow(a[BETA1].f, t)),
           .root = sqrt(1 - pow(a[BETA2].f, t)),
           .eps = a[EPS].f};
  for (int i = 0; i < ARRAYS; i++) {
    j.dtype[i] = c->in[i]->dtype;
    j.data[i] = gt_data(c->in[i]);
  }
  gt_parallel(c->cx, gt_count(c->in[P]), GRAIN, step_range, &j);
  return GT_OK;
}

static const gt_setting attrs[] = {
    {.name = "lr", .type = GT_SETTING_FLOAT, .preset = {.f = 1e-3}, .doc = "learning rate"},
    {.name = "beta1", .type = GT_SETTING_FLOAT, .preset = {.f = 0.9}, .doc = "decay of m"},
    {.name = "beta2", .type = GT_SETTING_FLOAT, .preset = {.f = 0.999}, .doc = "decay of v"},
    {.name = "eps", .type = GT_SETTING_FLOAT, .preset = {.f = 1e-8}, .doc = "added to sqrt(v)"},
    {.name = "weight_decay",
     .type = GT_SETTING_FLOAT,
     .preset = {.f = 0.01},
     .doc = "decay of p, times lr"},
    {.name = "step",
     .type = GT_SETTING_INT,
     .required = true,
     .doc = "number of this step, from 1"},
};

const gt_op gt_op_adamw = {
    .name = "adamw",
    .doc = "one AdamW step in place: parameter p, gradient g, moving averages m, v",
    .inputs = "p, g, m, v",
    .where = "",
    .nin = 4,
    .compute = GT_BYTES,
    .writes = 1 << P | 1 << M | 1 << V,
    .attrs = attrs,
    .attr_count = GT_COUNT(attrs),
    .infer = infer,
    .forward = forward,
};

#else

static void T(step_block)(const job *j, int64_t n, void *const array[ARRAYS]) {
  real *restrict p = array[P], *restrict m = array[M], *restrict v = array[V];
  const real *restrict g = array[G];
  real keep = (real)j->keep, beta2 = (real)j->beta2, rest1 = (real)j->rest1;
  real rest2 = (real)j->rest2, size = (real)j->size, root = (real)j->root, eps = (real)j->eps;
  for (int64_t i = 0; i < n; i++) {
    /* the interpolation that is exact at the nearer end */
    m[i] = rest1 < REAL(0.5) ? m[i] + rest1 * (g[i] - m[i]) : g[i] - (g[i] - m[i]) * (1 - rest1);
    v[i] = beta2 * v[i] + rest2 * g[i] * g[i];
    real divisor = (real)sqrt((double)v[i]) / root + eps;
    p[i] = keep * p[i] + size * m[i] / divisor;
  }
}

#endif
