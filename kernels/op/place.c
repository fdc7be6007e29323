/* place: zeros of a given shape with x written at strided positions in it: the gradient of every
 * view that shows part of its input (slice, select, diagonal).
 *
 * Element (i, j, …) of x goes to position offset + i * stride[0] + j * stride[1] + … of the
 * row-major result; the caller promises that positions differ. */
#include "kernels/op/geometry.h"

enum { SHAPE, STRIDE, OFFSET };

/* True when every position lies in a result of the shape. */
static bool in_range(const gt_call *c, const gt_dims *shape) {
  const gt_spec *x = &c->in_spec[0];
  int64_t count = 1, low = c->attr[OFFSET].i, high = low;
  for (int d = 0; d < shape->count; d++)
    if (__builtin_mul_overflow(count, shape->at[d], &count)) return false;
  for (int d = 0; d < x->ndim; d++) {
    int64_t reach, *end = c->attr[STRIDE].dims.at[d] < 0 ? &low : &high;
    if (x->shape[d] == 0) return true;
    if (__builtin_mul_overflow(c->attr[STRIDE].dims.at[d], x->shape[d] - 1, &reach)) return false;
    if (__builtin_add_overflow(*end, reach, end)) return false;
  }
  return low >= 0 && high < count;
}

static gt_status infer(gt_call *c) {
  const gt_dims *shape = &c->attr[SHAPE].dims;
  if (c->attr[STRIDE].dims.count != c->in_spec[0].ndim)
    return gt_fail(c->cx, GT_ESHAPE, "place: expected %d strides, got %d", c->in_spec[0].ndim,
                   c->attr[STRIDE].dims.count);
  if (!in_range(c, shape))
    return gt_fail(c->cx, GT_EINDEX, "place: expected positions inside the result");
  return gt_out_spec(c, 0, c->in_spec[0].dtype, shape->count, shape->at);
}

static gt_status forward(gt_call *c) {
  const gt_tensor *x = c->in[0];
  gt_tensor *y = c->out[0];
  static const gt_filling zeros = {.distribution = GT_CONSTANT};
  int64_t n = gt_count(y);
  char *first = (char *)gt_data(y) + c->attr[OFFSET].i * (int64_t)gt_dtype_size(y->dtype);
  if (n == 0) return GT_OK;
  if (gt_count(x) != n) GT_TRY(c->device->fill(c->cx, c->device, gt_data(y), y->dtype, n, &zeros));
  return gt_move(c->cx, c->device, x->ndim, x->shape, first, y->dtype, c->attr[STRIDE].dims.at,
                 gt_data(x), x->dtype, x->stride);
}

static const gt_setting attrs[] = {
    [SHAPE] = {"shape", GT_SETTING_DIMS, .required = true, .doc = "shape of the result"},
    [STRIDE] = {"stride", GT_SETTING_DIMS, .required = true,
                .doc = "of x's dimensions in the result"},
    [OFFSET] = {"offset", GT_SETTING_INT, .preset = GT_INT(0), .doc = "position of x's first"},
};

const gt_op gt_op_place = {
    .name = "place",
    .doc = "zeros with x written at strided positions",
    .inputs = "x",
    .where = "",
    .nin = 1,
    .nout = 1,
    .compute = GT_BYTES,
    .strided = 1,
    .moves = true,
    .attrs = attrs,
    .attr_count = GT_COUNT(attrs),
    .infer = infer,
    .forward = forward,
};
