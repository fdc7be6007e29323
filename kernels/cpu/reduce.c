/* reduce.c: the general driver of reductions.  When the elements of a result
 * do not lie side by side, the input is first copied so that they do. */
#include "kernels/cpu/reduce.h"

#include "kernels/cpu/strided.h"

typedef struct plan {
  gt_call *c;
  const gt_reducer *r;
  const char *x;
  size_t size; /* bytes of an element */
  gt_axes kept, reduced;
  int64_t parts;       /* per result */
  gt_partial *partial; /* (kept.total, parts) */
} plan;

void gt_axes_split(const gt_spec *x, unsigned dims, gt_axes *kept, gt_axes *reduced) {
  *kept = (gt_axes){.total = 1};
  *reduced = (gt_axes){.total = 1};
  int64_t stride[GT_MAX_DIM];
  int64_t step = 1;
  for (int d = x->ndim - 1; d >= 0; d--) {
    stride[d] = step;
    step *= x->shape[d];
  }
  const gt_axes *previous = NULL;
  for (int d = 0; d < x->ndim; d++) {
    if (x->shape[d] == 1) continue;
    gt_axes *a = dims >> d & 1 ? reduced : kept;
    if (a != previous) a->size[a->count++] = 1;
    a->size[a->count - 1] *= x->shape[d];
    a->stride[a->count - 1] = stride[d];
    a->total *= x->shape[d];
    previous = a;
  }
}

int64_t gt_axes_offset(const gt_axes *a, int count, int64_t index) {
  int64_t offset = 0;
  for (int d = count - 1; d > 0; d--) {
    offset += index % a->size[d] * a->stride[d];
    index /= a->size[d];
  }
  return count > 0 ? offset + index * a->stride[0] : 0;
}

/* Replaces x by a copy in which the reduced axes are innermost. */
static gt_status bring_together(plan *p) {
  const gt_axes *kept = &p->kept, *reduced = &p->reduced;
  int ndim = kept->count + reduced->count;
  int64_t shape[2 * GT_MAX_DIM], from[2 * GT_MAX_DIM], to[2 * GT_MAX_DIM];
  for (int d = 0; d < ndim; d++) {
    const gt_axes *a = d < kept->count ? kept : reduced;
    int k = d < kept->count ? d : d - kept->count;
    shape[d] = a->size[k];
    from[d] = a->stride[k];
  }
  int64_t step = 1;
  for (int d = ndim - 1; d >= 0; d--) {
    to[d] = step;
    step *= shape[d];
  }
  void *copy;
  GT_TRY(gt_scratch(p->c->cx, p->c->device, (size_t)step * p->size, &copy));
  gt_strided_copy(p->c->cx, p->size, ndim, shape, copy, to, p->x, from);
  p->x = copy;
  p->kept = (gt_axes){1, kept->total, {kept->total}, {reduced->total}};
  return GT_OK;
}

static void store(const plan *p, int64_t result, int64_t part, gt_partial value) {
  if (p->parts > 1) {
    p->partial[result * p->parts + part] = value;
  } else {
    p->r->finish(p->c, value, p->reduced.total, result);
  }
}

/* Work item = (result, part). */
static void reduce_parts(void *argument, int64_t begin, int64_t end) {
  const plan *p = argument;
  for (int64_t item = begin; item < end; item++) {
    int64_t result = item / p->parts, part = item % p->parts;
    int64_t at = part * GT_REDUCE_PART;
    int64_t n = gt_min(GT_REDUCE_PART, p->reduced.total - at);
    int64_t offset = gt_axes_offset(&p->kept, p->kept.count, result) + at;
    const char *x = p->x + offset * (int64_t)p->size;
    store(p, result, part, p->r->part(x, n, at, p->c->attr));
  }
}

static void combine_parts(void *argument, int64_t begin, int64_t end) {
  const plan *p = argument;
  for (int64_t result = begin; result < end; result++) {
    const gt_partial *part = p->partial + result * p->parts;
    gt_partial value = part[0];
    for (int64_t k = 1; k < p->parts; k++) value = p->r->combine(value, part[k]);
    p->r->finish(p->c, value, p->reduced.total, result);
  }
}

gt_status gt_cpu_reduce(gt_call *c, unsigned dims, const gt_reducer *r) {
  gt_spec spec = gt_spec_of(c->in[0]);
  plan p = {.c = c, .r = r, .x = gt_data(c->in[0]), .size = gt_dtype_size(c->dtype)};
  gt_axes_split(&spec, dims, &p.kept, &p.reduced);
  if (p.kept.total == 0) return GT_OK;
  if (p.reduced.total == 0) {
    for (int64_t k = 0; k < p.kept.total; k++) r->finish(c, (gt_partial){0}, 0, k);
    return GT_OK;
  }
  bool together = p.reduced.count == 0 || (p.reduced.count == 1 && p.reduced.stride[0] == 1);
  if (!together) GT_TRY(bring_together(&p));
  p.parts = gt_parts(p.reduced.total, GT_REDUCE_PART);
  if (p.parts > 1) {
    size_t bytes = (size_t)(p.kept.total * p.parts) * sizeof *p.partial;
    GT_TRY(gt_scratch(c->cx, c->device, bytes, (void **)&p.partial));
  }
  int64_t grain = gt_parts(GT_REDUCE_PART, gt_min(p.reduced.total, GT_REDUCE_PART));
  gt_parallel(c->cx, p.kept.total * p.parts, grain, reduce_parts, &p);
  if (p.parts > 1) gt_parallel(c->cx, p.kept.total, 64, combine_parts, &p);
  return GT_OK;
}
