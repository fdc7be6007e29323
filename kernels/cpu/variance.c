/* variance.c: each part in two passes (mean, then squares of deviations), parts joined by the
 * formula of Chan, Golub and LeVeque (1979): no cancellation however far the mean is from 0. */
#ifndef real
#include "kernels/cpu/variance.h"
#include "kernels/op/variance.h"

#define LANES 16

static gt_partial combine(gt_partial a, gt_partial b) {
  double n = (double)(a.i + b.i), delta = b.f - a.f;
  gt_partial p = {.i = a.i + b.i};
  p.f = a.f + delta * ((double)b.i / n);
  p.g = a.g + b.g + delta * delta * ((double)a.i * (double)b.i / n);
  return p;
}

static double variance(const gt_call *c, const gt_partial *p, int64_t n) {
  return p->g / gt_variance_freedom(c, n);
}

#include "kernels/op/typed.h"

gt_status gt_cpu_variance(gt_call *c, bool root) {
  unsigned dims;
  GT_TRY(gt_reduced_dims(c, &dims));
  gt_reducer r = {GT_PICK(c, part), combine, root ? GT_PICK(c, finish_root) : GT_PICK(c, finish)};
  return gt_cpu_reduce(c, dims, &r);
}

#else

/* f = mean, g = sum of squared deviations, i = number of elements. */
static gt_partial T(part)(const void *data, int64_t n, int64_t at, const gt_value *attr) {
  const real *x = data;
  double sum[LANES] = {0}, squares[LANES] = {0};
  int64_t i = 0;
  (void)at, (void)attr;
  for (; i + LANES <= n; i += LANES) {
    for (int j = 0; j < LANES; j++) sum[j] += x[i + j];
  }
  for (int j = 0; i + j < n; j++) sum[j] += x[i + j];
  for (int j = 1; j < LANES; j++) sum[0] += sum[j];
  double mean = sum[0] / (double)n;
  for (i = 0; i + LANES <= n; i += LANES) {
    for (int j = 0; j < LANES; j++) squares[j] += (x[i + j] - mean) * (x[i + j] - mean);
  }
  for (int j = 0; i + j < n; j++) squares[j] += (x[i + j] - mean) * (x[i + j] - mean);
  for (int j = 1; j < LANES; j++) squares[0] += squares[j];
  return (gt_partial){.f = mean, .g = squares[0], .i = n};
}

static void T(finish)(gt_call *c, gt_partial p, int64_t n, int64_t index) {
  ((real *)gt_data(c->out[0]))[index] = (real)variance(c, &p, n);
}

static void T(finish_root)(gt_call *c, gt_partial p, int64_t n, int64_t index) {
  ((real *)gt_data(c->out[0]))[index] = (real)sqrt(variance(c, &p, n));
}
#endif
