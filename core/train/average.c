/* average.c: exponential moving averages of weights (Polyak & Juditsky 1992 for the idea).
 *
 *   a <- a + (1 - decay)(w - a) */
#include "core/train/average.h"

#include "core/tensor/clones.h"
#include "core/tensor/frame.h"
#include "core/tensor/prepare.h"
#include "core/train/chunks.h"
#include "core/train/update.h"

typedef struct job {
  gt_tensor *const *average, *const *weight;
  double rest; /* 1 - decay */
} job;

static void *element(const gt_tensor *t, int64_t i) {
  return (char *)gt_data(t) + (size_t)i * gt_dtype_size(t->dtype);
}

static void mix_f32(float *a /* (n) */, const float *w /* (n) */, int64_t n, float rest) {
  for (int64_t i = 0; i < n; i++) a[i] += rest * (w[i] - a[i]);
}

static void mix_f64(double *a /* (n) */, const double *w /* (n) */, int64_t n, double rest) {
  for (int64_t i = 0; i < n; i++) a[i] += rest * (w[i] - a[i]);
}

GT_CLONES static void mix_chunk(void *argument, int64_t chunk, int tensor, int64_t begin,
                                int64_t end) {
  const job *j = argument;
  const gt_tensor *a = j->average[tensor], *w = j->weight[tensor];
  (void)chunk;
  if (a->dtype == GT_F64)
    mix_f64(element(a, begin), element(w, begin), end - begin, j->rest);
  else
    mix_f32(element(a, begin), element(w, begin), end - begin, (float)j->rest);
}

/* Can mix_chunk() do these? */
static bool plain(const gt_tensor *a, const gt_tensor *w) {
  return gt_device_of(a)->host && a->dtype == w->dtype && !gt_dtype_is_half(a->dtype) &&
         gt_is_contiguous(a) && gt_is_contiguous(w);
}

static gt_status check(gt_ctx *cx, const gt_tensor *a, const gt_tensor *b, bool same_dtype) {
  gt_spec sa = gt_spec_of(a), sb = gt_spec_of(b);
  char want[GT_SHAPE_TEXT], got[GT_SHAPE_TEXT];
  if (!gt_same_shape(&sa, &sb) || gt_device_of(a) != gt_device_of(b))
    return gt_fail(cx, GT_ESHAPE, "average: expected a weight %s on %s, got %s on %s",
                   gt_shape_text(&sa, want), gt_device_of(a)->name, gt_shape_text(&sb, got),
                   gt_device_of(b)->name);
  if (!gt_dtype_is_float(a->dtype) || !gt_dtype_is_float(b->dtype) ||
      (same_dtype && a->dtype != b->dtype))
    return gt_fail(cx, GT_EDTYPE, "average: expected float weights%s, got %s and %s",
                   same_dtype ? " of one dtype" : "", gt_dtype_name(a->dtype),
                   gt_dtype_name(b->dtype));
  return GT_OK;
}

/* Does the op write this average without taking memory? */
static bool in_place(const gt_tensor *a, const gt_tensor *w) {
  return gt_device_of(a)->host && gt_dtype_promote(a->dtype, w->dtype) == a->dtype &&
         gt_is_contiguous(a) && gt_is_contiguous(w);
}

static gt_status mix_by_op(gt_ctx *cx, const job *j, int i, gt_tensor **out) {
  gt_frame f = {.cx = cx};
  gt_tensor *a = j->average[i];
  gt_value rest = GT_FLOAT(j->rest);
  gt_tensor *mixed = gt_op2_with(&f, "lerp", a, j->weight[i], GT_ARGS({"weight", rest}));
  if (mixed) f.status = gt_prepare(cx, mixed, a->dtype, gt_device_of(a), false, out);
  return gt_frame_end(&f);
}

/* Allocates first, into separate tensors: either all averages are updated or none. */
static gt_status update_by_op(gt_ctx *cx, const job *j, int count) {
  bool grad_enabled = cx->grad_enabled, shielded = cx->shielded;
  gt_status status = GT_OK;
  gt_tensor **mixed = gt_calloc(cx, (size_t)count + 1, sizeof(gt_tensor *));
  if (!mixed) return GT_ENOMEM;
  cx->grad_enabled = false;
  cx->shielded = true;
  for (int i = 0; i < count && status == GT_OK; i++)
    if (!in_place(j->average[i], j->weight[i])) status = mix_by_op(cx, j, i, &mixed[i]);
  for (int i = 0; i < count && status == GT_OK; i++)
    status = mixed[i] ? gt_copy(cx, j->average[i], mixed[i])
                      : gt_update_lerp(cx, j->average[i], j->weight[i], j->rest, j->average[i]);
  cx->grad_enabled = grad_enabled;
  cx->shielded = shielded;
  for (int i = 0; i < count; i++) gt_tensor_unref(cx, mixed[i]);
  gt_free(mixed);
  return status;
}

gt_status gt_average_update(gt_ctx *cx, gt_tensor *const *average, gt_tensor *const *weight,
                            int count, double decay) {
  job j = {average, weight, 1 - decay};
  gt_chunks chunks = {0};
  bool direct = true;
  for (int i = 0; i < count; i++) {
    GT_TRY(check(cx, average[i], weight[i], false));
    direct = direct && plain(average[i], weight[i]);
  }
  if (!direct) return update_by_op(cx, &j, count);
  GT_TRY(gt_chunks_new(cx, average, count, &chunks));
  gt_status status = gt_chunks_run(cx, &chunks, true, mix_chunk, &j);
  for (int i = 0; i < count; i++) gt_touch(average[i]);
  gt_chunks_free(&chunks);
  return status;
}

static void exchange(gt_tensor *a, gt_tensor *b) {
  gt_tensor old = *a;
  a->storage = b->storage;
  a->offset = b->offset;
  memcpy(a->stride, b->stride, sizeof a->stride);
  b->storage = old.storage;
  b->offset = old.offset;
  memcpy(b->stride, old.stride, sizeof b->stride);
}

gt_status gt_average_swap(gt_ctx *cx, gt_tensor *const *a, gt_tensor *const *b, int count) {
  for (int i = 0; i < count; i++) GT_TRY(check(cx, a[i], b[i], true));
  for (int i = 0; i < count; i++) {
    exchange(a[i], b[i]);
    gt_touch(a[i]);
    gt_touch(b[i]);
  }
  return GT_OK;
}
