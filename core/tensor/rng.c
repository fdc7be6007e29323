/* rng.c: filling tensors with random numbers and constants.
 *
 * f32 and halves: element i is made from word i % 4 of block i / 4 (normals: of the pair of words
 * it belongs to); halves round the f32 draw, uniform ones to within their interval.  f64 normals
 * are the f32 draw widened, then scaled in f64. f64 uniforms and integers take two words: block i
 * / 2. */
#include "core/tensor/rng.h"

#include "core/tensor/pool.h"
#include "core/tensor/rng_math.h"

enum {
  BATCH = 64,          /* Philox blocks made side by side: what the compiler vectorises over */
  DRAWS = 4 * BATCH,   /* 32-bit draws of a batch */
  GRAIN = 256 * DRAWS, /* elements per chunk: whole batches */
};

typedef enum law { NORMAL, UNIFORM, INTEGER, CONSTANT } law;

typedef struct fill {
  law law;
  uint64_t seed, stream;
  double a, b; /* mean and std; low and high */
  int64_t low;
  uint64_t range; /* INTEGER: low … low + range - 1 */
  char value[8];  /* CONSTANT: the element */
  char *to;
  gt_dtype dtype;
} fill;

uint64_t gt_rng_stream(gt_ctx *cx) { return cx->stream++; }

void gt_manual_seed(gt_ctx *cx, uint64_t seed) {
  cx->seed = seed;
  cx->stream = 0;
}

/* The words of blocks first … first + BATCH - 1, one row per word of a block. */
static void draw(const fill *f, uint64_t first, uint32_t words[4][BATCH]) {
  for (int b = 0; b < BATCH; b++) {
    uint32_t word[4];
    gt_philox(f->seed, f->stream, first + (uint64_t)b, word);
    words[0][b] = word[0];
    words[1][b] = word[1];
    words[2][b] = word[2];
    words[3][b] = word[3];
  }
}

static void draw_normals(const fill *f, uint64_t batch, float out[DRAWS]) {
  uint32_t x[4][BATCH];
  draw(f, batch * BATCH, x);
  for (int b = 0; b < BATCH; b++) {
    gt_normal_pair(x[0][b], x[1][b], &out[4 * b], &out[4 * b + 1]);
    gt_normal_pair(x[2][b], x[3][b], &out[4 * b + 2], &out[4 * b + 3]);
  }
}

static void draw_units(const fill *f, uint64_t batch, float out[DRAWS]) {
  uint32_t x[4][BATCH];
  draw(f, batch * BATCH, x);
  for (int b = 0; b < BATCH; b++) {
    for (int k = 0; k < 4; k++) out[4 * b + k] = gt_unit_f32(x[k][b]);
  }
}

/* Two words to a draw: DRAWS of them take two batches. */
static void draw_wide(const fill *f, uint64_t batch, uint64_t out[DRAWS]) {
  for (int half = 0; half < 2; half++) {
    uint32_t x[4][BATCH];
    draw(f, (2 * batch + (uint64_t)half) * BATCH, x);
    uint64_t *to = out + half * 2 * BATCH;
    for (int b = 0; b < BATCH; b++) {
      to[2 * b] = (uint64_t)x[1][b] << 32 | x[0][b];
      to[2 * b + 1] = (uint64_t)x[3][b] << 32 | x[2][b];
    }
  }
}

/* out of [low, low + width) can only come by rounding up. */
static float below_f32(float value, float low, float high) {
  return value < high ? value : nextafterf(high, low);
}
static double below_f64(double value, double low, double high) {
  return value < high ? value : nextafter(high, low);
}

static void batch_f32(const fill *f, uint64_t batch, float out[DRAWS]) {
  if (f->law == NORMAL) {
    float mean = (float)f->a, std = (float)f->b;
    draw_normals(f, batch, out);
    for (int i = 0; i < DRAWS; i++) out[i] = fmaf(std, out[i], mean);
  } else {
    float low = (float)f->a, width = (float)(f->b - f->a), high = (float)f->b;
    draw_units(f, batch, out);
    for (int i = 0; i < DRAWS; i++) out[i] = below_f32(fmaf(width, out[i], low), low, high);
  }
}

static void batch_f64(const fill *f, uint64_t batch, double out[DRAWS]) {
  if (f->law == NORMAL) {
    float normal[DRAWS];
    draw_normals(f, batch, normal);
    for (int i = 0; i < DRAWS; i++) out[i] = fma(f->b, (double)normal[i], f->a);
  } else {
    uint64_t word[DRAWS];
    double width = f->b - f->a;
    draw_wide(f, batch, word);
    for (int i = 0; i < DRAWS; i++)
      out[i] = below_f64(fma(width, gt_unit_f64(word[i]), f->a), f->a, f->b);
  }
}

/* Multiply and shift (Lemire 2019); the bias, below range / 2^64, is not corrected. */
static void batch_i64(const fill *f, uint64_t batch, int64_t out[DRAWS]) {
  uint64_t word[DRAWS];
  draw_wide(f, batch, word);
  for (int i = 0; i < DRAWS; i++) {
    uint64_t high = (uint64_t)((unsigned __int128)word[i] * f->range >> 64);
    out[i] = (int64_t)((uint64_t)f->low + high);
  }
}

/* Halves of [low, high): one that was rounded out of it moves to its neighbour inside, if there is
 * one. */
static void keep_inside(const fill *f, uint16_t *x, int64_t n) {
  bool bf16 = f->dtype == GT_BF16;
  for (int64_t i = 0; i < n; i++) {
    float value = bf16 ? gt_from_bf16(x[i]) : gt_from_f16(x[i]);
    bool high = value >= f->b && f->a < f->b;
    if (!high && value >= f->a) continue;
    /* Bits count away from zero; below zero itself lies the smallest negative number. */
    uint16_t next = (uint16_t)((x[i] & 0x8000u ? !high : high) ? x[i] - 1 : x[i] + 1);
    if (value == 0) next = high ? 0x8001u : 0x0001u;
    float moved = bf16 ? gt_from_bf16(next) : gt_from_f16(next);
    if (moved >= f->a && moved < f->b) x[i] = next;
  }
}

/* n copies of the element. */
static void repeat(char *to, const char *element, size_t size, int64_t n) {
  if (size == 1) memset(to, *element, (size_t)n);
  for (int64_t i = 0; size == 2 && i < n; i++) memcpy(to + 2 * i, element, 2);
  for (int64_t i = 0; size == 4 && i < n; i++) memcpy(to + 4 * i, element, 4);
  for (int64_t i = 0; size == 8 && i < n; i++) memcpy(to + 8 * i, element, 8);
}

static void fill_chunk(void *argument, int64_t begin, int64_t end) {
  const fill *f = argument;
  size_t size = gt_dtype_size(f->dtype);
  union {
    float f32[DRAWS];
    double f64[DRAWS];
    int64_t i64[DRAWS];
  } drawn;
  if (f->law == CONSTANT) {
    repeat(f->to + (size_t)begin * size, f->value, size, end - begin);
    return;
  }
  for (int64_t at = begin; at < end; at += DRAWS) {
    uint64_t batch = (uint64_t)at / DRAWS;
    gt_dtype made = GT_F32;
    if (f->law == INTEGER) {
      batch_i64(f, batch, drawn.i64);
      made = GT_I64;
    } else if (f->dtype == GT_F64) {
      batch_f64(f, batch, drawn.f64);
      made = GT_F64;
    } else {
      batch_f32(f, batch, drawn.f32);
    }
    int64_t n = end - at < DRAWS ? end - at : DRAWS;
    gt_convert(f->to + (size_t)at * size, f->dtype, &drawn, made, n);
    if (f->law == UNIFORM && gt_dtype_is_half(f->dtype)) keep_inside(f, (uint16_t *)f->to + at, n);
  }
}

/* Makes the numbers on the CPU, in row-major order; other layouts and devices get a copy. */
static gt_status fill_tensor(gt_ctx *cx, gt_tensor *t, fill *f) {
  gt_tensor *flat = NULL;
  bool direct = gt_device_of(t)->kind == GT_CPU && gt_is_contiguous(t);
  if (gt_device_of(t)->kind == GT_META) return GT_OK;
  if (direct) {
    flat = gt_tensor_ref(t);
  } else {
    gt_spec spec = gt_spec_of(t);
    GT_TRY(gt_tensor_new(cx, &spec, &gt_device_cpu, &flat));
  }
  f->to = gt_data(flat);
  f->dtype = t->dtype;
  gt_parallel_shielded(cx, gt_count(t), GRAIN, fill_chunk, f); /* never half new, half old */
  gt_status status = direct ? GT_OK : gt_copy(cx, t, flat);
  if (direct) gt_touch(t);
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
  fill f = {.law = NORMAL, .seed = cx->seed, .stream = gt_rng_stream(cx), .a = mean, .b = std};
  return fill_tensor(cx, t, &f);
}

gt_status gt_fill_uniform(gt_ctx *cx, gt_tensor *t, double low, double high) {
  GT_TRY(check_float(cx, t, "uniform"));
  if (!(low <= high))
    return gt_fail(cx, GT_EARG, "uniform: expected low <= high, got %g and %g", low, high);
  double width = t->dtype == GT_F64 ? high - low : (double)(float)(high - low);
  if (!isfinite(width))
    return gt_fail(cx, GT_EARG, "uniform: expected a finite interval, got %g to %g", low, high);
  fill f = {.law = UNIFORM, .seed = cx->seed, .stream = gt_rng_stream(cx), .a = low, .b = high};
  return fill_tensor(cx, t, &f);
}

gt_status gt_fill_integers(gt_ctx *cx, gt_tensor *t, int64_t low, int64_t high) {
  if (low >= high)
    return gt_fail(cx, GT_EARG, "randint: expected low < high, got %lld and %lld", (long long)low,
                   (long long)high);
  if (!gt_dtype_counts_to(t->dtype, low) || !gt_dtype_counts_to(t->dtype, high - 1))
    return gt_fail(cx, GT_EDTYPE, "randint: expected bounds that %s can hold, got %lld and %lld",
                   gt_dtype_name(t->dtype), (long long)low, (long long)high);
  fill f = {.law = INTEGER, .seed = cx->seed, .stream = gt_rng_stream(cx), .low = low};
  f.range = (uint64_t)high - (uint64_t)low;
  return fill_tensor(cx, t, &f);
}

gt_status gt_fill_scalar(gt_ctx *cx, gt_tensor *t, gt_scalar value, const char *name) {
  fill f = {.law = CONSTANT};
  GT_TRY(gt_check_scalar(cx, name, t->dtype, value));
  gt_store_scalar(f.value, t->dtype, value);
  return fill_tensor(cx, t, &f);
}

gt_status gt_fill_value(gt_ctx *cx, gt_tensor *t, double value) {
  return gt_fill_scalar(cx, t, gt_scalar_real(value), "fill");
}
