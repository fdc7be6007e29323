/* sums.c: sums over dimensions, the reduction that everything else leans on.  Rows are added in
 * LANES partial sums, columns side by side; floats always in double, so that one rounding is left.
 */
#ifndef real
#include "kernels/cpu/reduce.h"

#define LANES 32
#define TILE 256 /* neighbouring columns summed together */

typedef struct plan {
  gt_axes kept, reduced;
  const void *x;
  void *y;        /* (kept.total) */
  void *partial;  /* (parts, kept.total) double or int64, when parts > 1 */
  int64_t parts;  /* into which the elements of one result are cut */
  int64_t length; /* of a part: elements of a long run, whole runs, or rows */
  int64_t run;    /* elements side by side on the innermost reduced axis; 0: sum columns */
  int64_t tiles;  /* column tiles per outer kept index */
  double divisor;
} plan;

#define GT_TYPED_I64
#include "kernels/op/typed.h"

static void cut_runs(plan *p) {
  const gt_axes *reduced = &p->reduced;
  p->run = reduced->count > 0 ? reduced->size[reduced->count - 1] : 1;
  int64_t runs = reduced->total / p->run;
  bool is_long = p->run >= GT_REDUCE_PART;
  p->length = is_long ? GT_REDUCE_PART : GT_REDUCE_PART / p->run;
  p->parts = is_long ? runs * gt_parts(p->run, p->length) : gt_parts(runs, p->length);
}

static void cut_columns(plan *p) {
  int64_t columns = p->kept.size[p->kept.count - 1];
  p->tiles = gt_parts(columns, TILE);
  p->length = 4 * GT_REDUCE_PART / gt_min(columns, TILE);
  p->parts = gt_parts(p->reduced.total, p->length);
}

gt_status gt_cpu_sum(gt_call *c, unsigned dims, double divisor) {
  gt_spec spec = gt_spec_of(c->in[0]);
  plan p = {.x = gt_data(c->in[0]), .y = gt_data(c->out[0]), .divisor = divisor};
  gt_axes_split(&spec, dims, &p.kept, &p.reduced);
  if (p.kept.total == 0) return GT_OK;
  if (p.reduced.total == 0) {
    GT_PICK(c, sum_nothing)(&p);
    return GT_OK;
  }
  int innermost = p.reduced.count - 1;
  bool rows = p.kept.count == 0 || (innermost >= 0 && p.reduced.stride[innermost] == 1);
  (rows ? cut_runs : cut_columns)(&p);
  if (p.parts > 1) {
    size_t bytes = (size_t)(p.parts * p.kept.total) * sizeof(double);
    GT_TRY(gt_scratch(c->cx, c->device, bytes, &p.partial));
  }
  if (rows) {
    int64_t grain = gt_parts(GT_REDUCE_PART, gt_min(p.reduced.total, GT_REDUCE_PART));
    gt_parallel(c->cx, p.kept.total * p.parts, grain, GT_PICK(c, sum_runs), &p);
  } else {
    int64_t columns = p.kept.size[p.kept.count - 1], outer = p.kept.total / columns;
    int64_t cost = gt_min(p.length, p.reduced.total) * gt_min(columns, TILE);
    gt_parallel(c->cx, outer * p.tiles * p.parts, gt_parts(GT_REDUCE_PART, cost),
                GT_PICK(c, sum_columns), &p);
  }
  if (p.parts > 1) gt_parallel(c->cx, p.kept.total, TILE, GT_PICK(c, sum_parts), &p);
  return GT_OK;
}

#else

#if REAL_IS_INTEGER
typedef uint64_t T(wide); /* wraps */
#else
typedef double T(wide);
#endif

static T(wide) T(sum_row)(const real *x, int64_t n) {
  if (n < LANES) {
    T(wide) sum = 0;
    for (int64_t i = 0; i < n; i++) sum += (T(wide))x[i];
    return sum;
  }
  T(wide) lane[LANES] = {0};
  int64_t i = 0;
  for (; i + LANES <= n; i += LANES) {
    for (int j = 0; j < LANES; j++) lane[j] += (T(wide))x[i + j];
  }
  for (int j = 0; i + j < n; j++) lane[j] += (T(wide))x[i + j];
  for (int width = LANES / 2; width > 0; width /= 2) {
    for (int j = 0; j < width; j++) lane[j] += lane[j + width];
  }
  return lane[0];
}

static real T(divided)(const plan *p, T(wide) sum) {
#if REAL_IS_INTEGER
  (void)p;
  return (real)sum;
#else
  return (real)(sum / p->divisor);
#endif
}

static void T(sum_nothing)(const plan *p) {
  for (int64_t k = 0; k < p->kept.total; k++) ((real *)p->y)[k] = T(divided)(p, 0);
}

/* Work item = (result, part): adds a part of a long run, or several runs. */
static void T(sum_runs)(void *argument, int64_t begin, int64_t end) {
  const plan *p = argument;
  const gt_axes *reduced = &p->reduced;
  int outer = reduced->count - 1;
  for (int64_t item = begin; item < end; item++) {
    int64_t result = item / p->parts, part = item % p->parts;
    const real *x = (const real *)p->x + gt_axes_offset(&p->kept, p->kept.count, result);
    T(wide) sum = 0;
    if (p->run >= GT_REDUCE_PART) {
      int64_t per_run = gt_parts(p->run, p->length);
      int64_t at = part % per_run * p->length;
      int64_t row = gt_axes_offset(reduced, outer, part / per_run);
      sum = T(sum_row)(x + row + at, gt_min(p->length, p->run - at));
    } else {
      int64_t last = gt_min((part + 1) * p->length, reduced->total / p->run);
      for (int64_t r = part * p->length; r < last; r++) {
        sum += T(sum_row)(x + gt_axes_offset(reduced, outer, r), p->run);
      }
    }
    if (p->parts > 1) {
      ((T(wide) *)p->partial)[part * p->kept.total + result] = sum;
    } else {
      ((real *)p->y)[result] = T(divided)(p, sum);
    }
  }
}

/* Work item = (outer kept index, tile of columns, part): adds the rows of one part. */
static void T(sum_columns)(void *argument, int64_t begin, int64_t end) {
  const plan *p = argument;
  int inner = p->kept.count - 1;
  int64_t columns = p->kept.size[inner];
  for (int64_t item = begin; item < end; item++) {
    int64_t part = item % p->parts, tile = item / p->parts % p->tiles;
    int64_t outer = item / p->parts / p->tiles;
    int64_t first = tile * TILE, n = gt_min(TILE, columns - first);
    const real *x = (const real *)p->x + gt_axes_offset(&p->kept, inner, outer) + first;
    T(wide) sum[TILE] = {0};
    int64_t last = gt_min((part + 1) * p->length, p->reduced.total);
    for (int64_t r = part * p->length; r < last; r++) {
      const real *row = x + gt_axes_offset(&p->reduced, p->reduced.count, r);
      for (int64_t j = 0; j < n; j++) sum[j] += (T(wide))row[j];
    }
    int64_t result = outer * columns + first;
    if (p->parts > 1) {
      memcpy((T(wide) *)p->partial + part * p->kept.total + result, sum, (size_t)n * sizeof *sum);
    } else {
      for (int64_t j = 0; j < n; j++) ((real *)p->y)[result + j] = T(divided)(p, sum[j]);
    }
  }
}

/* Combines the parts of results [begin, end), first to last. */
static void T(sum_parts)(void *argument, int64_t begin, int64_t end) {
  const plan *p = argument;
  for (int64_t result = begin; result < end; result++) {
    const T(wide) *partial = (const T(wide) *)p->partial + result;
    T(wide) sum = 0;
    for (int64_t k = 0; k < p->parts; k++) sum += partial[k * p->kept.total];
    ((real *)p->y)[result] = T(divided)(p, sum);
  }
}
#endif
