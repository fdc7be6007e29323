/* random.c: filling arrays with random numbers and constants, in batches that the compiler
 * vectorises. What element i is, is said in rng_math.h. */
#include "core/tensor/pool.h"
#include "core/tensor/rng_math.h"
#include "kernels/cpu/backend.h"
#include "kernels/cpu/convert.h"

enum {
  BATCH = 64,          /* Philox blocks made side by side: what the compiler vectorises over */
  DRAWS = 4 * BATCH,   /* 32-bit draws of a batch */
  GRAIN = 256 * DRAWS, /* elements per chunk: whole batches */
};

/* The words of blocks first … first + BATCH - 1, one row per word of a block. */
static void draw(const gt_filling *f, uint64_t first, uint32_t words[4][BATCH]) {
  for (int b = 0; b < BATCH; b++) {
    uint32_t word[4];
    gt_philox(f->seed, f->stream, first + (uint64_t)b, word);
    words[0][b] = word[0];
    words[1][b] = word[1];
    words[2][b] = word[2];
    words[3][b] = word[3];
  }
}

static void draw_normals(const gt_filling *f, uint64_t batch, float out[DRAWS]) {
  uint32_t x[4][BATCH];
  draw(f, batch * BATCH, x);
  for (int b = 0; b < BATCH; b++) {
    gt_normal_pair(x[0][b], x[1][b], &out[4 * b], &out[4 * b + 1]);
    gt_normal_pair(x[2][b], x[3][b], &out[4 * b + 2], &out[4 * b + 3]);
  }
}

static void draw_units(const gt_filling *f, uint64_t batch, float out[DRAWS]) {
  uint32_t x[4][BATCH];
  draw(f, batch * BATCH, x);
  for (int b = 0; b < BATCH; b++) {
    for (int k = 0; k < 4; k++) out[4 * b + k] = gt_unit_f32(x[k][b]);
  }
}

/* Two words to a draw: DRAWS of them take two batches. */
static void draw_wide(const gt_filling *f, uint64_t batch, uint64_t out[DRAWS]) {
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

static void batch_f32(const gt_filling *f, uint64_t batch, float out[DRAWS]) {
  if (f->distribution == GT_NORMAL) {
    float mean = (float)f->a, std = (float)f->b;
    draw_normals(f, batch, out);
    for (int i = 0; i < DRAWS; i++) out[i] = fmaf(std, out[i], mean);
  } else {
    float low = (float)f->a, width = (float)(f->b - f->a), high = (float)f->b;
    draw_units(f, batch, out);
    for (int i = 0; i < DRAWS; i++) out[i] = gt_below_f32(fmaf(width, out[i], low), low, high);
  }
}

static void batch_f64(const gt_filling *f, uint64_t batch, double out[DRAWS]) {
  if (f->distribution == GT_NORMAL) {
    float normal[DRAWS];
    draw_normals(f, batch, normal);
    for (int i = 0; i < DRAWS; i++) out[i] = fma(f->b, (double)normal[i], f->a);
  } else {
    uint64_t word[DRAWS];
    double width = f->b - f->a;
    draw_wide(f, batch, word);
    for (int i = 0; i < DRAWS; i++)
      out[i] = gt_below_f64(fma(width, gt_unit_f64(word[i]), f->a), f->a, f->b);
  }
}

static void batch_i64(const gt_filling *f, uint64_t batch, int64_t out[DRAWS]) {
  uint64_t word[DRAWS];
  draw_wide(f, batch, word);
  for (int i = 0; i < DRAWS; i++) {
    out[i] = gt_in_range(word[i], f->low, f->range);
  }
}

/* n copies of the element. */
static void repeat(char *to, const char *element, size_t size, int64_t n) {
  if (size == 1) memset(to, *element, (size_t)n);
  for (int64_t i = 0; size == 2 && i < n; i++) memcpy(to + 2 * i, element, 2);
  for (int64_t i = 0; size == 4 && i < n; i++) memcpy(to + 4 * i, element, 4);
  for (int64_t i = 0; size == 8 && i < n; i++) memcpy(to + 8 * i, element, 8);
}

typedef struct job {
  gt_filling f;
  char *to;
  gt_dtype dtype;
} job;

static void fill_chunk(void *argument, int64_t begin, int64_t end) {
  const job *j = argument;
  const gt_filling *f = &j->f;
  size_t size = gt_dtype_size(j->dtype);
  union {
    float f32[DRAWS];
    double f64[DRAWS];
    int64_t i64[DRAWS];
  } drawn;
  if (f->distribution == GT_CONSTANT) {
    repeat(j->to + (size_t)begin * size, f->value, size, end - begin);
    return;
  }
  for (int64_t at = begin; at < end; at += DRAWS) {
    uint64_t batch = (uint64_t)at / DRAWS;
    gt_dtype made = GT_F32;
    if (f->distribution == GT_INTEGERS) {
      batch_i64(f, batch, drawn.i64);
      made = GT_I64;
    } else if (j->dtype == GT_F64) {
      batch_f64(f, batch, drawn.f64);
      made = GT_F64;
    } else {
      batch_f32(f, batch, drawn.f32);
    }
    int64_t n = end - at < DRAWS ? end - at : DRAWS;
    gt_convert(j->to + (size_t)at * size, j->dtype, &drawn, made, n);
    if (f->distribution != GT_UNIFORM || !gt_dtype_is_half(j->dtype)) continue;
    uint16_t *half = (uint16_t *)j->to + at;
    bool bf16 = j->dtype == GT_BF16;
    for (int64_t i = 0; i < n; i++) half[i] = gt_kept_inside(half[i], bf16, f->a, f->b);
  }
}

gt_status gt_cpu_fill(gt_ctx *cx, const gt_backend *backend, void *to, gt_dtype dtype, int64_t n,
                      const gt_filling *filling) {
  (void)backend;
  job j = {*filling, to, dtype};
  gt_parallel_shielded(cx, n, GRAIN, fill_chunk, &j); /* never half new, half old */
  return GT_OK;
}
