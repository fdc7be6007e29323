/* clip.c: norm over all gradients in one pass, and scaling by it.
 *
 *   norm = sqrt(sum of g^2);  g <- g min(1, limit / (norm + 1e-6))
 *
 * Every chunk sums into 16 lanes of doubles, the chunks are added in order.  Tensors that are not
 * contiguous arrays on the CPU are read through a copy, so sums do not depend on the device. */
#include "core/train/clip.h"

#include "core/tensor/clones.h"
#include "core/tensor/frame.h"
#include "core/train/chunks.h"

#include <math.h>

enum { LANES = 16, BLOCK = 1024 };

/* Arrays on the CPU with the contents of tensors, in place where they can be. */
typedef struct arrays {
  int count;
  gt_tensor **tensor; /* (count), one reference each */
  double *partial;    /* (chunks) */
  gt_chunks chunks;
} arrays;

static gt_status on_cpu(gt_ctx *cx, gt_tensor *t, gt_tensor **out) {
  if (!gt_dtype_is_float(t->dtype))
    return gt_fail(cx, GT_EDTYPE, "norm: expected float tensors, got %s", gt_dtype_name(t->dtype));
  return gt_device_of(t)->kind == GT_CPU ? gt_contiguous(cx, t, out)
                                         : gt_copy_new(cx, t, t->dtype, &gt_device_cpu, out);
}

static void arrays_free(gt_ctx *cx, arrays *a) {
  for (int i = 0; a->tensor && i < a->count; i++) gt_tensor_unref(cx, a->tensor[i]);
  gt_free(a->tensor);
  gt_free(a->partial);
  gt_chunks_free(&a->chunks);
}

static gt_status arrays_open(gt_ctx *cx, gt_tensor *const *tensors, int count, arrays *a) {
  *a = (arrays){.count = count};
  a->tensor = gt_calloc(cx, (size_t)count + 1, sizeof(gt_tensor *));
  if (!a->tensor) return GT_ENOMEM;
  for (int i = 0; i < count; i++) GT_TRY(on_cpu(cx, tensors[i], &a->tensor[i]));
  GT_TRY(gt_chunks_new(cx, a->tensor, count, &a->chunks));
  a->partial = gt_calloc(cx, (size_t)gt_chunks_count(&a->chunks) + 1, sizeof *a->partial);
  return a->partial ? GT_OK : GT_ENOMEM;
}

/* ---- sums of squares ---- */

static double squares_f32(const float *x /* (n) */, int64_t n) {
  double lane[LANES] = {0};
  int64_t i = 0;
  for (; i + LANES <= n; i += LANES) {
    for (int j = 0; j < LANES; j++) lane[j] += (double)x[i + j] * (double)x[i + j];
  }
  for (int j = 0; i + j < n; j++) lane[j] += (double)x[i + j] * (double)x[i + j];
  for (int j = 1; j < LANES; j++) lane[0] += lane[j];
  return lane[0];
}

static double squares_f64(const double *x /* (n) */, int64_t n) {
  double lane[LANES] = {0};
  for (int64_t i = 0; i < n; i++) lane[i % LANES] += x[i] * x[i];
  for (int j = 1; j < LANES; j++) lane[0] += lane[j];
  return lane[0];
}

GT_CLONES static void sum_chunk(void *argument, int64_t chunk, int tensor, int64_t begin,
                                int64_t end) {
  arrays *a = argument;
  const gt_tensor *t = a->tensor[tensor];
  const char *data = gt_data(t);
  float block[BLOCK];
  double sum = 0;
  if (t->dtype == GT_F64) {
    sum = squares_f64((const double *)data + begin, end - begin);
  } else if (t->dtype == GT_F32) {
    sum = squares_f32((const float *)data + begin, end - begin);
  } else {
    for (int64_t at = begin; at < end; at += BLOCK) {
      int64_t n = end - at < BLOCK ? end - at : BLOCK;
      gt_convert(block, GT_F32, data + (size_t)at * gt_dtype_size(t->dtype), t->dtype, n);
      sum += squares_f32(block, n);
    }
  }
  a->partial[chunk] = sum;
}

/* Sums of squares of every chunk into a->partial. */
static gt_status sum_all(gt_ctx *cx, gt_tensor *const *tensors, int count, arrays *a) {
  GT_TRY(arrays_open(cx, tensors, count, a));
  return gt_chunks_run(cx, &a->chunks, false, sum_chunk, a);
}

gt_status gt_global_norm(gt_ctx *cx, gt_tensor *const *tensors, int count, double *norm) {
  arrays a;
  double sum = 0;
  gt_status status = sum_all(cx, tensors, count, &a);
  for (int64_t i = 0; status == GT_OK && i < gt_chunks_count(&a.chunks); i++) sum += a.partial[i];
  if (status == GT_OK) *norm = sqrt(sum);
  arrays_free(cx, &a);
  return status;
}

gt_status gt_first_nonfinite(gt_ctx *cx, gt_tensor *const *tensors, int count, int *first) {
  arrays a;
  gt_status status = sum_all(cx, tensors, count, &a);
  int found = -1;
  for (int i = 0; status == GT_OK && i < count && found < 0; i++) {
    double sum = 0;
    for (int64_t k = a.chunks.first[i]; k < a.chunks.first[i + 1]; k++) sum += a.partial[k];
    if (!isfinite(sum)) found = i;
  }
  if (status == GT_OK) *first = found;
  arrays_free(cx, &a);
  return status;
}

/* ---- scaling ---- */

typedef struct scaling {
  gt_tensor *const *tensors;
  double factor;
} scaling;

GT_CLONES static void scale_chunk(void *argument, int64_t chunk, int tensor, int64_t begin,
                                  int64_t end) {
  const scaling *s = argument;
  const gt_tensor *t = s->tensors[tensor];
  float factor = (float)s->factor, block[BLOCK];
  (void)chunk;
  if (t->dtype == GT_F64) {
    double *x = gt_data(t);
    for (int64_t i = begin; i < end; i++) x[i] *= s->factor;
  } else if (t->dtype == GT_F32) {
    float *x = gt_data(t);
    for (int64_t i = begin; i < end; i++) x[i] *= factor;
  } else {
    for (int64_t at = begin; at < end; at += BLOCK) {
      int64_t n = end - at < BLOCK ? end - at : BLOCK;
      char *x = (char *)gt_data(t) + (size_t)at * gt_dtype_size(t->dtype);
      gt_convert(block, GT_F32, x, t->dtype, n);
      for (int64_t i = 0; i < n; i++) block[i] *= factor;
      gt_convert(x, t->dtype, block, GT_F32, n);
    }
  }
}

/* Any device and any strides: target = target * factor by the op. */
static gt_status scale_by_op(gt_ctx *cx, gt_tensor *t, double factor) {
  gt_frame f = {.cx = cx};
  gt_tensor *scalar = gt_number(&f, factor);
  bool grad_enabled = cx->grad_enabled;
  cx->grad_enabled = false;
  if (scalar) f.status = gt_apply_into(cx, "mul", (gt_tensor *[]){t, scalar}, 2, NULL, t);
  cx->grad_enabled = grad_enabled;
  return gt_frame_end(&f);
}

gt_status gt_scale_all(gt_ctx *cx, gt_tensor *const *tensors, int count, double factor) {
  scaling s = {tensors, factor};
  gt_chunks chunks = {0};
  bool plain = true;
  for (int i = 0; i < count; i++)
    plain = plain && gt_device_of(tensors[i])->kind == GT_CPU && gt_is_contiguous(tensors[i]);
  if (!plain) {
    for (int i = 0; i < count; i++) GT_TRY(scale_by_op(cx, tensors[i], factor));
    return GT_OK;
  }
  GT_TRY(gt_chunks_new(cx, tensors, count, &chunks));
  gt_status status = gt_chunks_run(cx, &chunks, true, scale_chunk, &s);
  for (int i = 0; i < count; i++) gt_touch(tensors[i]);
  gt_chunks_free(&chunks);
  return status;
}

gt_status gt_clip(gt_ctx *cx, gt_tensor *const *tensors, int count, double limit, double *norm) {
  double found = 0;
  GT_TRY(gt_global_norm(cx, tensors, count, &found));
  double factor = limit / (found + 1e-6);
  if (isfinite(found) && factor < 1) GT_TRY(gt_scale_all(cx, tensors, count, factor));
  *norm = found;
  return GT_OK;
}
