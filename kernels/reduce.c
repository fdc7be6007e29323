/* reduce.c: the shape rules of reductions, and sums. */
#ifndef real
#include "kernels/reduce.h"

#define SEGMENT 16384 /* elements summed by one chunk of work */
#define TILE 256      /* neighbouring columns summed together */

/* The contiguous input seen as (kept..., reduced...): neighbouring dimensions of one kind are
 * merged, strides in elements. */
typedef struct axes {
  int count;
  int64_t total; /* product of sizes */
  int64_t size[GT_MAX_DIM], stride[GT_MAX_DIM];
} axes;

typedef struct sum_plan {
  axes kept, reduced;
  const void *x;
  void *y;        /* (kept.total) */
  void *partial;  /* (pieces, kept.total) double or int64, when pieces > 1 */
  int64_t pieces; /* parts into which one result's elements are cut */
  int64_t piece;  /* length of a part: elements of a run, whole runs, or rows */
  int64_t run;    /* contiguous elements of the innermost reduced axis; 0: columns are summed */
  int64_t tiles;  /* column tiles per outer kept index */
  double scale;
} sum_plan;

static int64_t offset_at(const axes *a, int count, int64_t index) {
  int64_t offset = 0;
  for (int d = count - 1; d >= 0; d--) {
    offset += index % a->size[d] * a->stride[d];
    index /= a->size[d];
  }
  return offset;
}

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

static int64_t parts(int64_t n, int64_t length) { return (n + length - 1) / length; }

#define GT_TYPED_I64
#define GT_TYPED "kernels/reduce.c"
#include "kernels/typed.h"

static void axes_split(const gt_spec *x, unsigned dims, axes *kept, axes *reduced) {
  *kept = (axes){.total = 1};
  *reduced = (axes){.total = 1};
  int64_t stride[GT_MAX_DIM];
  int64_t step = 1;
  for (int d = x->ndim - 1; d >= 0; d--) {
    stride[d] = step;
    step *= x->shape[d];
  }
  const axes *previous = NULL;
  for (int d = 0; d < x->ndim; d++) {
    if (x->shape[d] == 1) continue;
    axes *a = dims >> d & 1 ? reduced : kept;
    if (a != previous) a->size[a->count++] = 1;
    a->size[a->count - 1] *= x->shape[d];
    a->stride[a->count - 1] = stride[d];
    a->total *= x->shape[d];
    previous = a;
  }
}

static void plan_pieces(sum_plan *p) {
  const axes *kept = &p->kept, *reduced = &p->reduced;
  int last = reduced->count - 1;
  if (kept->count == 0 || (last >= 0 && reduced->stride[last] == 1)) {
    p->run = last >= 0 ? reduced->size[last] : 1;
    if (p->run >= SEGMENT) {
      p->piece = SEGMENT;
      p->pieces = reduced->total / p->run * parts(p->run, SEGMENT);
    } else {
      p->piece = SEGMENT / p->run;
      p->pieces = parts(reduced->total / p->run, p->piece);
    }
  } else {
    int64_t columns = kept->size[kept->count - 1];
    p->tiles = parts(columns, TILE);
    p->piece = 4 * SEGMENT / least(columns, TILE);
    p->pieces = parts(reduced->total, p->piece);
  }
}

gt_status gt_cpu_sum(gt_call *c, unsigned dims, double scale) {
  gt_spec spec = gt_spec_of(c->in[0]);
  sum_plan p = {.x = gt_data(c->in[0]), .y = gt_data(c->out[0]), .scale = scale};
  axes_split(&spec, dims, &p.kept, &p.reduced);
  if (p.kept.total == 0) return GT_OK;
  if (p.reduced.total == 0) {
    memset(p.y, 0, (size_t)p.kept.total * gt_dtype_size(c->dtype));
    return GT_OK;
  }
  plan_pieces(&p);
  if (p.pieces > 1) {
    size_t bytes = (size_t)(p.pieces * p.kept.total) * sizeof(double);
    GT_TRY(gt_scratch(c->cx, c->device, bytes, &p.partial));
  }
  int64_t work = p.run ? p.kept.total : p.kept.total / p.kept.size[p.kept.count - 1] * p.tiles;
  int64_t cost = least(p.piece * (p.run >= SEGMENT ? 1 : p.run ? p.run : TILE), p.reduced.total);
  int64_t grain = parts(SEGMENT, cost > 0 ? cost : 1);
  gt_parallel(c->cx, work * p.pieces, grain, p.run ? GT_PICK(c, sum_runs) : GT_PICK(c, sum_columns),
              &p);
  if (p.pieces > 1) gt_parallel(c->cx, p.kept.total, TILE, GT_PICK(c, sum_pieces), &p);
  return GT_OK;
}

gt_status gt_reduced_dims(gt_call *c, unsigned *out) {
  const gt_dims *dims = &c->attr[0].dims;
  int ndim = c->in_spec[0].ndim;
  unsigned mask = 0;
  if (!c->attr[0].given || dims->count == 0) {
    *out = (1u << ndim) - 1;
    return GT_OK;
  }
  for (int k = 0; k < dims->count; k++) {
    int d;
    GT_TRY(gt_dim_resolve(c->cx, c->op->name, dims->at[k], ndim, &d));
    if (mask >> d & 1) {
      return gt_fail(c->cx, GT_EARG, "%s: dimension %d appears twice", c->op->name, d);
    }
    mask |= 1u << d;
  }
  *out = ndim == 0 ? 0 : mask;
  return GT_OK;
}

int64_t gt_reduced_count(const gt_call *c, unsigned dims) {
  const gt_spec *x = &c->in_spec[0];
  int64_t count = 1;
  for (int d = 0; d < x->ndim; d++) {
    if (dims >> d & 1) count *= x->shape[d];
  }
  return count;
}

gt_status gt_out_reduced(gt_call *c, int out, gt_dtype dtype) {
  const gt_spec *x = &c->in_spec[0];
  unsigned dims;
  GT_TRY(gt_reduced_dims(c, &dims));
  bool keep = c->attr[1].i != 0;
  int ndim = 0;
  int64_t shape[GT_MAX_DIM];
  for (int d = 0; d < x->ndim; d++) {
    bool reduced = dims >> d & 1;
    if (!reduced || keep) shape[ndim++] = reduced ? 1 : x->shape[d];
  }
  return gt_out_spec(c, out, dtype, ndim, shape);
}

#else

#define LANES 32

#if REAL_IS_INTEGER
typedef uint64_t T(wide); /* wraps */
#else
typedef double T(wide);
#endif

static T(wide) T(sum_row)(const real *x, int64_t n) {
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

static real T(scaled)(const sum_plan *p, T(wide) sum) {
#if REAL_IS_INTEGER
  (void)p;
  return (real)sum;
#else
  return (real)(sum * p->scale);
#endif
}

/* Work item = (result, piece): adds one piece of one result, a part of a run or several runs. */
static void T(sum_runs)(void *argument, int64_t begin, int64_t end) {
  const sum_plan *p = argument;
  const axes *reduced = &p->reduced;
  int outer = reduced->count - 1;
  for (int64_t item = begin; item < end; item++) {
    int64_t result = item / p->pieces, piece = item % p->pieces;
    const real *x = (const real *)p->x + offset_at(&p->kept, p->kept.count, result);
    T(wide) sum = 0;
    if (p->run >= SEGMENT) {
      int64_t per_run = parts(p->run, SEGMENT);
      int64_t at = piece % per_run * SEGMENT;
      int64_t row = offset_at(reduced, outer, piece / per_run);
      sum = T(sum_row)(x + row + at, least(SEGMENT, p->run - at));
    } else {
      int64_t last = least((piece + 1) * p->piece, reduced->total / p->run);
      for (int64_t r = piece * p->piece; r < last; r++) {
        sum += T(sum_row)(x + offset_at(reduced, outer, r), p->run);
      }
    }
    if (p->pieces > 1) {
      ((T(wide) *)p->partial)[piece * p->kept.total + result] = sum;
    } else {
      ((real *)p->y)[result] = T(scaled)(p, sum);
    }
  }
}

/* Work item = (outer kept index, tile of columns, piece): adds the rows of one piece. */
static void T(sum_columns)(void *argument, int64_t begin, int64_t end) {
  const sum_plan *p = argument;
  int inner = p->kept.count - 1;
  int64_t columns = p->kept.size[inner];
  for (int64_t item = begin; item < end; item++) {
    int64_t piece = item % p->pieces, tile = item / p->pieces % p->tiles;
    int64_t outer = item / p->pieces / p->tiles;
    int64_t first = tile * TILE, n = least(TILE, columns - first);
    const real *x = (const real *)p->x + offset_at(&p->kept, inner, outer) + first;
    T(wide) sum[TILE] = {0};
    int64_t last = least((piece + 1) * p->piece, p->reduced.total);
    for (int64_t r = piece * p->piece; r < last; r++) {
      const real *row = x + offset_at(&p->reduced, p->reduced.count, r);
      for (int64_t j = 0; j < n; j++) sum[j] += (T(wide))row[j];
    }
    int64_t result = outer * columns + first;
    if (p->pieces > 1) {
      memcpy((T(wide) *)p->partial + piece * p->kept.total + result, sum, (size_t)n * sizeof *sum);
    } else {
      for (int64_t j = 0; j < n; j++) ((real *)p->y)[result + j] = T(scaled)(p, sum[j]);
    }
  }
}

/* Combines the pieces of results [begin, end), first to last. */
static void T(sum_pieces)(void *argument, int64_t begin, int64_t end) {
  const sum_plan *p = argument;
  for (int64_t result = begin; result < end; result++) {
    const T(wide) *partial = (const T(wide) *)p->partial + result;
    T(wide) sum = 0;
    for (int64_t k = 0; k < p->pieces; k++) sum += partial[k * p->kept.total];
    ((real *)p->y)[result] = T(scaled)(p, sum);
  }
}
#undef LANES
#endif
