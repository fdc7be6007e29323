/* Tests of random numbers: known answers, laws, and independence of everything but (seed, stream,
 * element). */
#include "tests/core/toy.h"

#include "core/tensor/rng_math.h"

#include <stdlib.h>

static gt_tensor *vector(gt_ctx *cx, gt_dtype dtype, int64_t n) {
  gt_spec spec = gt_spec_make(dtype, 1, &n);
  gt_tensor *t = NULL;
  ok(gt_tensor_new(cx, &spec, cx->cpu, &t));
  return t;
}

/* Random123's kat_vectors, philox4x32-10: counter, key, result. */
static void philox_gives_the_known_answers(void **state) {
  (void)state;
  uint32_t out[4];
  gt_philox(0, 0, 0, out);
  assert_memory_equal(out, ((uint32_t[]){0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}), 16);
  gt_philox(UINT64_MAX, UINT64_MAX, UINT64_MAX, out);
  assert_memory_equal(out, ((uint32_t[]){0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}), 16);
  gt_philox(0x299f31d0a4093822u, 0x0370734413198a2eu, 0x85a308d3243f6a88u, out);
  assert_memory_equal(out, ((uint32_t[]){0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}), 16);
}

static void log_and_turn_are_accurate(void **state) {
  (void)state;
  double worst_log = 0, worst_turn = 0;
  for (uint64_t i = 0; i <= UINT32_MAX; i += 4099) {
    uint32_t x = (uint32_t)i;
    float u = fmaf((float)x, 0x1p-32f, 0x1p-33f), cosine, sine;
    double exact = log((double)u), scale = fabs(exact) > 1e-30 ? fabs(exact) : 1;
    double error = fabs((double)gt_log_unit(u) - exact) / scale;
    if (error > worst_log) worst_log = error;
    gt_turn(x, &cosine, &sine);
    double angle = 2 * 3.14159265358979323846 * (double)x * 0x1p-32;
    error = fmax(fabs((double)cosine - cos(angle)), fabs((double)sine - sin(angle)));
    if (error > worst_turn) worst_turn = error;
  }
  /* f32 has 6e-8; the polynomials add a rounding or two. */
  assert_true(worst_log < 2e-7);
  assert_true(worst_turn < 1.5e-7);
  assert_true(gt_log_unit(1.0f) == 0);
}

/* Elements are functions of (seed, stream, position): made one by one they are the same bits as in
 * a block, whatever the compiler made of the loop. */
static void each_element_stands_alone(void **state) {
  gt_ctx *cx = *state;
  enum { N = 5001 };
  static float block[N];
  gt_manual_seed(cx, 42);
  uint64_t stream = gt_rng_stream(cx); /* 0; the fill takes 1 */
  gt_tensor *t = vector(cx, GT_F32, N);
  ok(gt_fill_normal(cx, t, 0, 1));
  ok(gt_read(cx, t, GT_F32, block));
  for (int i = 0; i < N; i++) {
    volatile uint32_t x, y;
    uint32_t words[4];
    float pair[2];
    gt_philox(42, stream + 1, (uint64_t)i / 4, words);
    x = words[i % 4 / 2 * 2];
    y = words[i % 4 / 2 * 2 + 1];
    gt_normal_pair(x, y, &pair[0], &pair[1]);
    pair[i % 2] = fmaf(1, pair[i % 2], 0);
    assert_memory_equal(&block[i], &pair[i % 2], sizeof(float));
  }
  gt_tensor_unref(cx, t);
}

static void threads_and_layout_do_not_matter(void **state) {
  gt_ctx *cx = *state;
  enum { ROWS = 700, COLUMNS = 501, N = ROWS * COLUMNS };
  float *first = test_malloc(N * sizeof *first), *again = test_malloc(N * sizeof *again);
  for (int law = 0; law < 3; law++) {
    for (int threads = 1; threads <= 3; threads++) {
      gt_spec spec = gt_spec_make(GT_F32, 2, (int64_t[]){COLUMNS, ROWS});
      gt_tensor *base = NULL, *t = NULL;
      ok(gt_pool_resize(cx, threads));
      ok(gt_tensor_new(cx, &spec, cx->cpu, &base));
      int64_t shape[2] = {ROWS, COLUMNS}, flat[2] = {COLUMNS, 1}, across[2] = {1, ROWS};
      ok(gt_tensor_view(cx, base, 2, shape, threads == 3 ? across : flat, 0, &t));
      gt_manual_seed(cx, 9);
      if (law == 0) ok(gt_fill_normal(cx, t, 1, 2));
      if (law == 1) ok(gt_fill_uniform(cx, t, -1, 3));
      if (law == 2) ok(gt_fill_integers(cx, t, -5, 1000));
      assert_int_equal(t->storage->version, 1);
      ok(gt_read(cx, t, GT_F32, threads == 1 ? first : again));
      if (threads > 1) assert_memory_equal(first, again, N * sizeof *first);
      DROP(t, base);
    }
  }
  test_free(first);
  test_free(again);
}

static void streams_differ_and_seeds_restart(void **state) {
  gt_ctx *cx = *state;
  gt_tensor *a = vector(cx, GT_F32, 8), *b = vector(cx, GT_F32, 8), *c = vector(cx, GT_F32, 8);
  gt_manual_seed(cx, 1);
  ok(gt_fill_normal(cx, a, 0, 1));
  ok(gt_fill_normal(cx, b, 0, 1));
  gt_manual_seed(cx, 1);
  ok(gt_fill_normal(cx, c, 0, 1));
  assert_memory_not_equal(gt_data(a), gt_data(b), 32);
  assert_memory_equal(gt_data(a), gt_data(c), 32);
  gt_manual_seed(cx, 2);
  ok(gt_fill_normal(cx, c, 0, 1));
  assert_memory_not_equal(gt_data(a), gt_data(c), 32);
  DROP(a, b, c);
}

/* First four moments and the tails of 4 million normals, against five standard errors each. */
static void normals_are_normal(void **state) {
  gt_ctx *cx = *state;
  enum { N = 1 << 22 };
  gt_manual_seed(cx, 3);
  gt_tensor *t = vector(cx, GT_F32, N);
  ok(gt_fill_normal(cx, t, 0, 1));
  const float *x = gt_data(t);
  double power[5] = {0}, neighbours = 0, beyond[5] = {0};
  for (int i = 0; i < N; i++) {
    double v = x[i], p = 1;
    for (int k = 1; k <= 4; k++) power[k] += p *= v;
    for (int k = 1; k <= 4; k++) beyond[k] += fabs(v) > k;
    if (i > 0) neighbours += v * x[i - 1];
  }
  double unit = 1 / sqrt(N);
  assert_true(fabs(power[1] / N) < 5 * unit);
  assert_true(fabs(power[2] / N - 1) < 5 * sqrt(2) * unit);
  assert_true(fabs(power[3] / N) < 5 * sqrt(15) * unit);
  assert_true(fabs(power[4] / N - 3) < 5 * sqrt(96) * unit);
  assert_true(fabs(neighbours / N) < 5 * unit);
  for (int k = 1; k <= 4; k++) {
    double p = erfc(k / sqrt(2));
    assert_true(fabs(beyond[k] / N - p) < 5 * sqrt(p / N));
  }
  gt_tensor_unref(cx, t);
}

static void uniforms_fill_their_interval(void **state) {
  gt_ctx *cx = *state;
  enum { N = 1 << 20 };
  const gt_dtype dtypes[2] = {GT_F32, GT_F64};
  for (int d = 0; d < 2; d++) {
    double *x = test_malloc(N * sizeof *x);
    gt_tensor *t = vector(cx, dtypes[d], N);
    ok(gt_fill_uniform(cx, t, -2, 5));
    ok(gt_read(cx, t, GT_F64, x));
    int cells[70] = {0};
    for (int i = 0; i < N; i++) {
      assert_true(x[i] >= -2 && x[i] < 5);
      cells[(int)((x[i] + 2) * 10)]++;
    }
    for (int k = 0; k < 70; k++)
      assert_true(fabs(cells[k] - N / 70.0) < 5 * sqrt(N / 70.0)); /* five standard errors */
    gt_tensor_unref(cx, t);
    /* A width that rounds away: still never the upper end. */
    t = vector(cx, dtypes[d], 4096);
    double next = d == 0 ? nextafterf(1, 2) : nextafter(1, 2);
    ok(gt_fill_uniform(cx, t, 1, next));
    ok(gt_read(cx, t, GT_F64, x));
    for (int i = 0; i < 4096; i++) assert_true(x[i] == 1);
    gt_tensor_unref(cx, t);
    test_free(x);
  }
}

static void integers_are_even_handed(void **state) {
  gt_ctx *cx = *state;
  enum { N = 1 << 18 };
  static int64_t x[N];
  gt_tensor *t = vector(cx, GT_I64, N);
  ok(gt_fill_integers(cx, t, -3, 7));
  ok(gt_read(cx, t, GT_I64, x));
  int cells[10] = {0};
  for (int i = 0; i < N; i++) {
    assert_true(x[i] >= -3 && x[i] < 7);
    cells[x[i] + 3]++;
  }
  for (int k = 0; k < 10; k++) assert_true(fabs(cells[k] - N / 10.0) < 5 * sqrt(N / 10.0));
  ok(gt_fill_integers(cx, t, INT64_MIN, INT64_MAX)); /* the widest range: both signs, all bits */
  ok(gt_read(cx, t, GT_I64, x));
  int64_t any = 0, all = -1;
  for (int i = 0; i < N; i++) any |= x[i], all &= x[i];
  assert_true(any == -1 && all == 0);
  fails(gt_fill_integers(cx, t, 5, 5), GT_EARG, "expected low < high, got 5 and 5");
  gt_tensor_unref(cx, t);
}

static void halves_round_the_f32_draw(void **state) {
  gt_ctx *cx = *state;
  enum { N = 1000 };
  float x[N];
  uint16_t rounded[N];
  gt_tensor *wide = vector(cx, GT_F32, N), *half = vector(cx, GT_BF16, N);
  gt_tensor *f64 = vector(cx, GT_F64, N);
  gt_manual_seed(cx, 5);
  ok(gt_fill_normal(cx, wide, 0, 0.02));
  gt_manual_seed(cx, 5);
  ok(gt_fill_normal(cx, half, 0, 0.02));
  gt_manual_seed(cx, 5);
  ok(gt_fill_normal(cx, f64, 0, 0.02));
  ok(gt_read(cx, wide, GT_F32, x));
  convert(cx, rounded, GT_BF16, x, GT_F32, N);
  assert_memory_equal(gt_data(half), rounded, sizeof rounded);
  for (int i = 0; i < N; i++)
    assert_true(fabs(((double *)gt_data(f64))[i] - x[i]) <= 1e-8); /* the same draw, less rounded */
  DROP(wide, half, f64);
}

static void wrong_laws_are_refused(void **state) {
  gt_ctx *cx = *state;
  gt_tensor *i = vector(cx, GT_I64, 3), *f = vector(cx, GT_F32, 3);
  fails(gt_fill_normal(cx, i, 0, 1), GT_EDTYPE, "normal: expected a float tensor, got int64");
  fails(gt_fill_normal(cx, f, 0, -1), GT_EARG, "expected std >= 0, got -1");
  fails(gt_fill_normal(cx, f, 0, NAN), GT_EARG, "expected std >= 0");
  fails(gt_fill_uniform(cx, f, 1, 0), GT_EARG, "expected low <= high, got 1 and 0");
  fails(gt_fill_uniform(cx, f, -3e38, 3e38), GT_EARG, "expected a finite interval");
  gt_tensor *u8 = vector(cx, GT_U8, 3), *flag = vector(cx, GT_BOOL, 3);
  fails(gt_fill_integers(cx, u8, 0, 257), GT_EDTYPE, "bounds that uint8 can hold, got 0 and 257");
  fails(gt_fill_integers(cx, u8, -1, 5), GT_EDTYPE, "got -1 and 5");
  ok(gt_fill_integers(cx, u8, 0, 256));
  ok(gt_fill_integers(cx, flag, 0, 2));
  fails(gt_fill_integers(cx, flag, 0, 3), GT_EDTYPE, "bool");
  DROP(i, f, u8, flag);
}

static void values_reach_every_dtype(void **state) {
  gt_ctx *cx = *state;
  for (int d = 0; d < GT_NDTYPE; d++) {
    gt_tensor *t = vector(cx, (gt_dtype)d, 1001);
    double x[1001];
    ok(gt_fill_value(cx, t, d == GT_BOOL ? 1 : 3));
    ok(gt_read(cx, t, GT_F64, x));
    assert_true(x[0] == (d == GT_BOOL ? 1 : 3) && x[1000] == x[0]);
    gt_tensor_unref(cx, t);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(philox_gives_the_known_answers),   TEST(log_and_turn_are_accurate),
      TEST(each_element_stands_alone),        TEST(threads_and_layout_do_not_matter),
      TEST(streams_differ_and_seeds_restart), TEST(normals_are_normal),
      TEST(uniforms_fill_their_interval),     TEST(integers_are_even_handed),
      TEST(halves_round_the_f32_draw),        TEST(wrong_laws_are_refused),
      TEST(values_reach_every_dtype),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
