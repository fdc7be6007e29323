/* rng.c: filling tensors with random numbers and constants. */
#include "core/tensor/rng.h"

#include <math.h>

uint64_t gt_rng_stream(gt_ctx *cx) { return cx->stream++; }

void gt_manual_seed(gt_ctx *cx, uint64_t seed) {
  cx->seed = seed;
  cx->stream = 0;
}

/* Fills in row-major order; other layouts get a copy. */
static gt_status fill_tensor(gt_ctx *cx, gt_tensor *t, const gt_filling *f) {
  const gt_backend *device = gt_device_of(t);
  gt_tensor *flat = NULL;
  bool direct = gt_is_contiguous(t);
  if (!device->data || gt_count(t) == 0) return GT_OK;
  if (direct) {
    flat = gt_tensor_ref(t);
  } else {
    gt_spec spec = gt_spec_of(t);
    GT_TRY(gt_tensor_new(cx, &spec, device, &flat));
  }
  gt_status status = device->fill(cx, device, gt_data(flat), t->dtype, gt_count(t), f);
  if (status == GT_OK && !direct) status = gt_copy(cx, t, flat);
  if (status == GT_OK && direct) gt_touch(t);
  gt_tensor_unref(cx, flat);
  return status;
}

static gt_status check_float(gt_ctx *cx, const gt_tensor *t, const char *name) {
  if (gt_dtype_is_float(t->dtype)) return GT_OK;
  return gt_fail(cx, GT_EDTYPE, "%s: expected a float tensor, got %s", name,
                 gt_dtype_name(t->dtype));
}

gt_status gt_fill_normal(gt_ctx *cx, gt_tensor *t, double mean, double std) {
  GT_TRY(check_float(cx, t, "normal"));
  if (!(std >= 0)) return gt_fail(cx, GT_EARG, "normal: expected std >= 0, got %g", std);
  gt_filling f = {GT_NORMAL, cx->seed, gt_rng_stream(cx), .a = mean, .b = std};
  return fill_tensor(cx, t, &f);
}

gt_status gt_fill_uniform(gt_ctx *cx, gt_tensor *t, double low, double high) {
  GT_TRY(check_float(cx, t, "uniform"));
  if (!(low <= high))
    return gt_fail(cx, GT_EARG, "uniform: expected low <= high, got %g and %g", low, high);
  double width = t->dtype == GT_F64 ? high - low : (double)(float)(high - low);
  if (!isfinite(width))
    return gt_fail(cx, GT_EARG, "uniform: expected a finite interval, got %g to %g", low, high);
  gt_filling f = {GT_UNIFORM, cx->seed, gt_rng_stream(cx), .a = low, .b = high};
  return fill_tensor(cx, t, &f);
}

gt_status gt_fill_integers(gt_ctx *cx, gt_tensor *t, int64_t low, int64_t high) {
  if (low >= high)
    return gt_fail(cx, GT_EARG, "randint: expected low < high, got %lld and %lld", (long long)low,
                   (long long)high);
  if (!gt_dtype_counts_to(t->dtype, low) || !gt_dtype_counts_to(t->dtype, high - 1))
    return gt_fail(cx, GT_EDTYPE, "randint: expected bounds that %s can hold, got %lld and %lld",
                   gt_dtype_name(t->dtype), (long long)low, (long long)high);
  gt_filling f = {GT_INTEGERS, cx->seed, gt_rng_stream(cx), .low = low};
  f.range = (uint64_t)high - (uint64_t)low;
  return fill_tensor(cx, t, &f);
}

gt_status gt_fill_scalar(gt_ctx *cx, gt_tensor *t, gt_scalar value, const char *name) {
  gt_filling f = {.distribution = GT_CONSTANT};
  GT_TRY(gt_check_scalar(cx, name, t->dtype, value));
  gt_store_scalar(f.value, t->dtype, value);
  return fill_tensor(cx, t, &f);
}

gt_status gt_fill_value(gt_ctx *cx, gt_tensor *t, double value) {
  return gt_fill_scalar(cx, t, gt_scalar_real(value), "fill");
}
