/* extreme.c: see extreme.h. */
#ifndef real
#include "kernels/cpu/extreme.h"

#define LANES 16
#define VALUE_LANES 32 /* wide enough that the compiler makes vectors of them */

#define GT_TYPED_I64
#include "kernels/op/typed.h"

static void finish_index(gt_call *c, gt_partial p, int64_t n, int64_t index) {
  (void)n;
  ((int64_t *)gt_data(c->out[0]))[index] = p.at;
}

static gt_status choose(gt_call *c, bool largest,
                        void (*finish)(gt_call *, gt_partial, int64_t, int64_t)) {
  unsigned dims;
  GT_TRY(gt_reduced_dims(c, &dims));
  gt_reducer largest_of = {GT_PICK(c, part_largest), GT_PICK(c, combine_largest), finish};
  gt_reducer smallest_of = {GT_PICK(c, part_smallest), GT_PICK(c, combine_smallest), finish};
  return gt_cpu_reduce(c, dims, largest ? &largest_of : &smallest_of);
}

gt_status gt_cpu_extreme(gt_call *c, bool largest) {
  unsigned dims;
  GT_TRY(gt_reduced_dims(c, &dims));
  gt_reducer reducer = {
      largest ? GT_PICK(c, value_largest) : GT_PICK(c, value_smallest),
      largest ? GT_PICK(c, combine_largest) : GT_PICK(c, combine_smallest),
      GT_PICK(c, finish_value),
  };
  return gt_cpu_reduce(c, dims, &reducer);
}

gt_status gt_cpu_extreme_pair(gt_call *c, bool largest) {
  return choose(c, largest, GT_PICK(c, finish_pair));
}

gt_status gt_cpu_extreme_index(gt_call *c, bool largest) {
  return choose(c, largest, finish_index);
}

gt_status gt_cpu_extreme_backward(gt_call *c) {
  unsigned dims;
  gt_axes kept, reduced;
  GT_TRY(gt_reduced_dims(c, &dims));
  gt_axes_split(&c->in_spec[0], dims, &kept, &reduced);
  GT_PICK(c, scatter)(c, &kept, &reduced);
  return GT_OK;
}

#else

/* True when b is to be chosen over a, which comes first. */
static inline bool T(beats)(real b, real a, bool largest) {
  bool better = largest ? b > a : b < a;
  return better | (T(gt_isnan)(b) & !T(gt_isnan)(a));
}

static inline real T(value)(const gt_partial *p) {
#if REAL_IS_INTEGER
  return p->i;
#else
  return (real)p->f;
#endif
}

/* First the value, in lanes that ignore NaN, then the first place that has it. */
static inline gt_partial T(part)(const real *x, int64_t n, int64_t at, bool largest) {
  real lane[LANES];
  int nan[LANES] = {0};
  int64_t i = 0, place = 0;
  for (int j = 0; j < LANES; j++) lane[j] = x[0];
  for (; i + LANES <= n; i += LANES) {
    for (int j = 0; j < LANES; j++) {
      bool better = largest ? x[i + j] > lane[j] : x[i + j] < lane[j];
      lane[j] = better ? x[i + j] : lane[j];
      nan[j] |= T(gt_isnan)(x[i + j]);
    }
  }
  for (int j = 0; i < n; i++, j++) {
    lane[j] = T(beats)(x[i], lane[j], largest) ? x[i] : lane[j];
    nan[j] |= T(gt_isnan)(x[i]);
  }
  for (int j = 1; j < LANES; j++) {
    lane[0] = T(beats)(lane[j], lane[0], largest) ? lane[j] : lane[0];
    nan[0] |= nan[j];
  }
  if (nan[0]) {
    while (!T(gt_isnan)(x[place])) place++;
  } else {
    while (x[place] != lane[0]) place++;
  }
  gt_partial p = {.at = at + place};
#if REAL_IS_INTEGER
  p.i = x[place];
#else
  p.f = x[place];
#endif
  return p;
}

/* The value alone; its place is not searched. */
static inline gt_partial T(value_only)(const real *x, int64_t n, int64_t at, bool largest) {
  real lane[VALUE_LANES];
  int64_t i = 0, nans = 0;
  for (int j = 0; j < VALUE_LANES; j++) lane[j] = x[0];
  for (; i + VALUE_LANES <= n; i += VALUE_LANES) {
    for (int j = 0; j < VALUE_LANES; j++) {
      /* NaN loses every comparison written this way round, and is counted apart. */
      if (largest)
        lane[j] = x[i + j] > lane[j] ? x[i + j] : lane[j];
      else
        lane[j] = x[i + j] < lane[j] ? x[i + j] : lane[j];
    }
  }
  for (; i < n; i++) lane[0] = T(beats)(x[i], lane[0], largest) ? x[i] : lane[0];
  for (int j = 1; j < VALUE_LANES; j++)
    lane[0] = T(beats)(lane[j], lane[0], largest) ? lane[j] : lane[0];
  for (i = 0; i < n; i++) nans += T(gt_isnan)(x[i]);
  gt_partial p = {.at = at};
#if REAL_IS_INTEGER
  p.i = lane[0];
#else
  p.f = nans ? NAN : lane[0];
#endif
  return p;
}

static gt_partial T(value_largest)(const void *x, int64_t n, int64_t at, const gt_value *attr) {
  (void)attr;
  return T(value_only)(x, n, at, true);
}

static gt_partial T(value_smallest)(const void *x, int64_t n, int64_t at, const gt_value *attr) {
  (void)attr;
  return T(value_only)(x, n, at, false);
}

static gt_partial T(part_largest)(const void *x, int64_t n, int64_t at, const gt_value *attr) {
  (void)attr;
  return T(part)(x, n, at, true);
}

static gt_partial T(part_smallest)(const void *x, int64_t n, int64_t at, const gt_value *attr) {
  (void)attr;
  return T(part)(x, n, at, false);
}

static gt_partial T(combine_largest)(gt_partial a, gt_partial b) {
  return T(beats)(T(value)(&b), T(value)(&a), true) ? b : a;
}

static gt_partial T(combine_smallest)(gt_partial a, gt_partial b) {
  return T(beats)(T(value)(&b), T(value)(&a), false) ? b : a;
}

static void T(finish_value)(gt_call *c, gt_partial p, int64_t n, int64_t index) {
  (void)n;
  ((real *)gt_data(c->out[0]))[index] = T(value)(&p);
}

static void T(finish_pair)(gt_call *c, gt_partial p, int64_t n, int64_t index) {
  T(finish_value)(c, p, n, index);
  ((int64_t *)gt_data(c->out[1]))[index] = p.at;
}

/* dx (in's shape) gets dy (out's shape) at the chosen places. */
static void T(scatter)(gt_call *c, const gt_axes *kept, const gt_axes *reduced) {
  real *dx = gt_data(c->gin[0]);
  if (!c->accumulate[0]) memset(dx, 0, (size_t)gt_count(c->gin[0]) * sizeof *dx);
  if (!c->gout[0]) return;
  const real *dy = gt_data(c->gout[0]);
  const int64_t *place = gt_data(c->out[1]);
  for (int64_t k = 0; k < kept->total; k++) {
    int64_t at = gt_axes_offset(kept, kept->count, k);
    at += gt_axes_offset(reduced, reduced->count, place[k]);
    dx[at] = T(gt_plus)(dx[at], dy[k]);
  }
}
#endif
