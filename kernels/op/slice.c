/* slice: the view x[start:stop:step] along one dimension, with Python's rules: negative bounds
 * count from the end, bounds outside are clamped, the step is positive. */
#include "kernels/op/geometry.h"

enum { DIM, START, STOP, STEP };

/* Resolved bounds of a slice of x. */
typedef struct slice_range {
  int dim;
  int64_t start, count, step;
} slice_range;

static int64_t clamp(int64_t i, int64_t n) {
  if (i < 0) i += n;
  return i < 0 ? 0 : i > n ? n : i;
}

static gt_status resolve(gt_call *c, const gt_spec *x, slice_range *out) {
  if (x->ndim == 0) return gt_fail(c->cx, GT_ESHAPE, "slice: a 0-d tensor cannot be sliced");
  int dim;
  GT_TRY(gt_dim_resolve(c->cx, "slice", c->attr[DIM].i, x->ndim, &dim));
  int64_t n = x->shape[dim], step = c->attr[STEP].i;
  if (step <= 0)
    return gt_fail(c->cx, GT_EARG, "slice: expected a positive step, got %lld", (long long)step);
  int64_t start = c->attr[START].given ? clamp(c->attr[START].i, n) : 0;
  int64_t stop = c->attr[STOP].given ? clamp(c->attr[STOP].i, n) : n;
  int64_t length = stop > start ? stop - start : 0;
  *out = (slice_range){dim, start, length / step + (length % step != 0), step};
  return GT_OK;
}

static gt_status view(gt_call *c, gt_tensor **out) {
  gt_tensor *x = c->in[0];
  gt_spec spec = gt_spec_of(x);
  slice_range r = {0};
  GT_TRY(resolve(c, &spec, &r));
  int64_t stride[GT_MAX_DIM];
  memcpy(stride, x->stride, sizeof stride);
  spec.shape[r.dim] = r.count;
  /* The stride of a line of at most one element is never walked; a huge step must not overflow it.
   */
  if (r.count > 1) stride[r.dim] *= r.step;
  return gt_tensor_view(c->cx, x, x->ndim, spec.shape, stride,
                        x->offset + r.start * x->stride[r.dim], out);
}

static gt_status rule(gt_call *c) {
  const gt_spec *x = &c->in_spec[0];
  slice_range r = {0};
  GT_TRY(resolve(c, x, &r));
  int64_t stride[GT_MAX_DIM];
  gt_row_major(x->ndim, x->shape, stride);
  int64_t offset = r.start * stride[r.dim];
  if (r.count > 1) stride[r.dim] *= r.step;
  return gt_apply1(c->cx, "place", c->gout[0],
                   GT_ARGS({"shape", gt_shape_value(x)}, {"stride", gt_dims_value(x->ndim, stride)},
                           {"offset", GT_INT(offset)}),
                   &c->gin[0]);
}

static const gt_setting attrs[] = {
    [DIM] = {"dim", GT_SETTING_INT, .preset = GT_INT(0), .doc = "the dimension to cut"},
    [START] = {"start", GT_SETTING_INT, .doc = "first index; from the beginning if not given"},
    [STOP] = {"stop", GT_SETTING_INT, .doc = "index after the last; to the end if not given"},
    [STEP] = {"step", GT_SETTING_INT, .preset = GT_INT(1), .doc = "distance between two indices"},
};

const gt_op gt_op_slice = {
    .name = "slice",
    .doc = "view of x[start:stop:step] along dim",
    .inputs = "x",
    .where = "method",
    .nin = 1,
    .nout = 1,
    .strided = 1,
    .differentiable = 1,
    .attrs = attrs,
    .attr_count = GT_COUNT(attrs),
    .view = view,
    .rule = rule,
};
