/* Tests of names, promotion and conversion of dtypes. */
#include "tests/core/toy.h"

static void names_are_found(void **state) {
  (void)state;
  gt_dtype dtype = GT_NDTYPE;
  for (int i = 0; i < GT_NDTYPE; i++) {
    assert_true(gt_dtype_parse(gt_dtype_name((gt_dtype)i), &dtype) && dtype == (gt_dtype)i);
    assert_true(gt_dtype_parse(gt_dtype_short((gt_dtype)i), &dtype) && dtype == (gt_dtype)i);
  }
  assert_true(gt_dtype_parse("torch.bfloat16", &dtype) && dtype == GT_BF16);
  assert_true(gt_dtype_parse("long", &dtype) && dtype == GT_I64);
  assert_true(gt_dtype_parse("double", &dtype) && dtype == GT_F64);
  assert_true(gt_dtype_parse("byte", &dtype) && dtype == GT_U8);
  assert_false(gt_dtype_parse("float31", &dtype));
  assert_false(gt_dtype_parse("", &dtype));
  assert_int_equal(dtype, GT_U8);
  assert_string_equal(gt_dtype_safetensors(GT_BF16), "BF16");
  assert_int_equal(gt_dtype_size(GT_U16), 2);
}

/* PyTorch's table (torch.promote_types), rows and columns in the order below; u16 as its unsigned
 * types would be with a signed neighbour of twice the size. */
static void promotion_is_pytorchs(void **state) {
  (void)state;
  const gt_dtype order[] = {GT_BOOL, GT_U8,  GT_I8,   GT_I16, GT_I32,
                            GT_I64,  GT_F16, GT_BF16, GT_F32, GT_F64};
  const gt_dtype expected[10][10] = {
      {GT_BOOL, GT_U8, GT_I8, GT_I16, GT_I32, GT_I64, GT_F16, GT_BF16, GT_F32, GT_F64},
      {GT_U8, GT_U8, GT_I16, GT_I16, GT_I32, GT_I64, GT_F16, GT_BF16, GT_F32, GT_F64},
      {GT_I8, GT_I16, GT_I8, GT_I16, GT_I32, GT_I64, GT_F16, GT_BF16, GT_F32, GT_F64},
      {GT_I16, GT_I16, GT_I16, GT_I16, GT_I32, GT_I64, GT_F16, GT_BF16, GT_F32, GT_F64},
      {GT_I32, GT_I32, GT_I32, GT_I32, GT_I32, GT_I64, GT_F16, GT_BF16, GT_F32, GT_F64},
      {GT_I64, GT_I64, GT_I64, GT_I64, GT_I64, GT_I64, GT_F16, GT_BF16, GT_F32, GT_F64},
      {GT_F16, GT_F16, GT_F16, GT_F16, GT_F16, GT_F16, GT_F16, GT_F32, GT_F32, GT_F64},
      {GT_BF16, GT_BF16, GT_BF16, GT_BF16, GT_BF16, GT_BF16, GT_F32, GT_BF16, GT_F32, GT_F64},
      {GT_F32, GT_F32, GT_F32, GT_F32, GT_F32, GT_F32, GT_F32, GT_F32, GT_F32, GT_F64},
      {GT_F64, GT_F64, GT_F64, GT_F64, GT_F64, GT_F64, GT_F64, GT_F64, GT_F64, GT_F64},
  };
  for (int i = 0; i < 10; i++) {
    for (int j = 0; j < 10; j++)
      assert_int_equal(gt_dtype_promote(order[i], order[j]), expected[i][j]);
  }
  assert_int_equal(gt_dtype_promote(GT_U16, GT_I16), GT_I32);
  assert_int_equal(gt_dtype_promote(GT_U8, GT_U16), GT_U16);
}

static bool same(float a, float b) { return memcmp(&a, &b, sizeof a) == 0 || (a != a && b != b); }

/* Every half, there and back; blocks (which may use instructions for it) and one by one. */
static void halves_survive_the_round_trip(void **state) {
  gt_ctx *cx = *state;
  static uint16_t all[65536], back[65536];
  static float wide[65536];
  for (int i = 0; i < 65536; i++) all[i] = (uint16_t)i;
  convert(cx, wide, GT_F32, all, GT_F16, 65536);
  convert(cx, back, GT_F16, wide, GT_F32, 65536);
  for (int i = 0; i < 65536; i++) {
    assert_true(same(wide[i], gt_from_f16((uint16_t)i)));
    if (wide[i] == wide[i]) assert_int_equal(back[i], i);
    assert_true(same(gt_from_f16(gt_to_f16(wide[i])), wide[i]));
  }
  assert_true(gt_from_f16(0x3c00) == 1 && gt_from_f16(0x0001) == 0x1p-24f &&
              gt_from_f16(0x7bff) == 65504 && gt_from_f16(0xfc00) == -INFINITY);
  convert(cx, wide, GT_F32, all, GT_BF16, 65536);
  convert(cx, back, GT_BF16, wide, GT_F32, 65536);
  for (int i = 0; i < 65536; i++) {
    if (wide[i] == wide[i])
      assert_int_equal(back[i], i);
    else
      assert_true(gt_from_bf16(back[i]) != gt_from_bf16(back[i]));
  }
}

/* A float goes to the nearest half, to the even one in the middle between two. */
static void halves_round_to_nearest_even(void **state) {
  gt_ctx *cx = *state;
  for (int i = 0; i < 0x7bff; i++) {
    float low = gt_from_f16((uint16_t)i), high = gt_from_f16((uint16_t)(i + 1));
    float middle = 0.5f * (low + high); /* exact in f32 */
    uint16_t even = (uint16_t)(i & 1 ? i + 1 : i);
    assert_int_equal(gt_to_f16(middle), even);
    assert_int_equal(gt_to_f16(nextafterf(middle, 0)), i);
    assert_int_equal(gt_to_f16(nextafterf(middle, 1e9f)), i + 1);
    assert_int_equal(gt_to_f16(-middle), even | 0x8000);
    float three[16];
    uint16_t block[16];
    for (int k = 0; k < 16; k++) three[k] = nextafterf(middle, k % 2 ? 0 : 1e9f);
    convert(cx, block, GT_F16, three, GT_F32, 16);
    for (int k = 0; k < 16; k++) assert_int_equal(block[k], gt_to_f16(three[k]));
  }
  assert_int_equal(gt_to_f16(65519.996f), 0x7bff);
  assert_int_equal(gt_to_f16(65520), 0x7c00);
  assert_int_equal(gt_to_f16(0x1p-25f), 0);
  assert_int_equal(gt_to_f16(nextafterf(0x1p-25f, 1)), 1);
  for (uint32_t i = 0; i < 0x7f7f; i++) {
    float low = gt_from_bf16((uint16_t)i), high = gt_from_bf16((uint16_t)(i + 1));
    float middle = low + 0.5f * (high - low);
    assert_int_equal(gt_to_bf16(middle), i & 1 ? i + 1 : i);
  }
  assert_int_equal(gt_to_bf16(3.4028235e38f), 0x7f80);
}

static void integers_are_converted(void **state) {
  gt_ctx *cx = *state;
  double x[9] = {1.9, -1.9, 300, -1, 0, NAN, 1e300, -1e300, 0.5};
  int64_t i64[9];
  int32_t i32[9];
  int8_t i8[9];
  uint8_t u8[9], flag[9];
  convert(cx, i64, GT_I64, x, GT_F64, 9);
  const int64_t expected[9] = {1, -1, 300, -1, 0, INT64_MIN, INT64_MIN, INT64_MIN, 0};
  assert_memory_equal(i64, expected, sizeof expected);
  convert(cx, i32, GT_I32, x, GT_F64, 9);
  const int32_t expected_i32[9] = {1, -1, 300, -1, 0, INT32_MIN, INT32_MIN, INT32_MIN, 0};
  assert_memory_equal(i32, expected_i32, sizeof expected_i32);
  double ends[6] = {2147483647.9, 2147483648, -2147483648.9, -2147483649, INFINITY, -INFINITY};
  const int32_t ends_i32[6] = {INT32_MAX, INT32_MIN, INT32_MIN, INT32_MIN, INT32_MIN, INT32_MIN};
  convert(cx, i32, GT_I32, ends, GT_F64, 6);
  assert_memory_equal(i32, ends_i32, sizeof ends_i32);
  convert(cx, u8, GT_U8, x, GT_F64, 5);
  assert_int_equal(u8[2], 44); /* wraps */
  assert_int_equal(u8[3], 255);
  convert(cx, flag, GT_BOOL, x, GT_F64, 9);
  const uint8_t flags[9] = {1, 1, 1, 1, 0, 1, 1, 1, 1};
  assert_memory_equal(flag, flags, sizeof flags);
  int64_t large[2] = {INT64_MAX, -3};
  float f32[2];
  convert(cx, f32, GT_F32, large, GT_I64, 2);
  assert_true(f32[0] == 0x1p63f && f32[1] == -3);
  convert(cx, i8, GT_I8, large, GT_I64, 2);
  assert_true(i8[0] == -1 && i8[1] == -3);
  uint8_t odd[3] = {0, 7, 1}; /* a bool is any byte that is not zero */
  convert(cx, i64, GT_I64, odd, GT_BOOL, 3);
  assert_true(i64[1] == 1);
  convert(cx, flag, GT_BOOL, odd, GT_U8, 3);
  assert_true(flag[1] == 1);
}

static bool holds_whole(gt_dtype dtype, int64_t x) {
  return gt_dtype_holds(dtype, gt_scalar_whole(x));
}

static bool holds_real(gt_dtype dtype, double x) {
  return gt_dtype_holds(dtype, gt_scalar_real(x));
}

static void a_dtype_holds_its_range(void **state) {
  (void)state;
  static const struct {
    gt_dtype dtype;
    int64_t low, high;
  } rows[] = {{GT_U8, 0, 255},
              {GT_I8, -128, 127},
              {GT_U16, 0, 65535},
              {GT_I16, -32768, 32767},
              {GT_I32, INT32_MIN, INT32_MAX}};
  for (int k = 0; k < 5; k++) {
    gt_dtype d = rows[k].dtype;
    assert_true(holds_whole(d, rows[k].low) && holds_whole(d, rows[k].high));
    assert_false(holds_whole(d, rows[k].low - 1) || holds_whole(d, rows[k].high + 1));
    assert_true(holds_real(d, (double)rows[k].high + 0.5)); /* the fraction is dropped */
    assert_false(holds_real(d, NAN) || holds_real(d, INFINITY) || holds_real(d, 1e300));
    assert_true(gt_dtype_counts_to(d, rows[k].high) && !gt_dtype_counts_to(d, rows[k].high + 1));
  }
  assert_true(holds_whole(GT_I64, INT64_MIN) && holds_whole(GT_I64, INT64_MAX));
  assert_true(holds_real(GT_I64, -0x1p63) && !holds_real(GT_I64, 0x1p63));
  assert_true(holds_real(GT_F16, 65504) && !holds_real(GT_F16, 65520));
  assert_true(holds_real(GT_F32, INFINITY) && holds_real(GT_BF16, NAN) &&
              !holds_real(GT_F32, 1e39));
  assert_true(gt_dtype_counts_to(GT_BF16, 256) && !gt_dtype_counts_to(GT_BF16, 257));
  assert_true(gt_dtype_counts_to(GT_BOOL, 1) && !gt_dtype_counts_to(GT_BOOL, 2));
}

/* All pairs: a value that every dtype holds comes through, in any length. */
static void every_dtype_reaches_every_other(void **state) {
  gt_ctx *cx = *state;
  enum { N = 1500 };
  static double start[N], end[N];
  static char from[N * 8 + 8], to[N * 8 + 8];
  for (int i = 0; i < N; i++) start[i] = i % 2;
  for (int a = 0; a < GT_NDTYPE; a++) {
    for (int b = 0; b < GT_NDTYPE; b++) {
      for (int n = 1; n < N; n += 509) {
        size_t bytes = (size_t)n * gt_dtype_size((gt_dtype)b);
        to[bytes] = 'x';
        convert(cx, from, (gt_dtype)a, start, GT_F64, n);
        convert(cx, to, (gt_dtype)b, from, (gt_dtype)a, n);
        convert(cx, end, GT_F64, to, (gt_dtype)b, n);
        assert_memory_equal(end, start, (size_t)n * sizeof *end);
        assert_int_equal(to[bytes], 'x');
      }
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names_are_found),     cmocka_unit_test(promotion_is_pytorchs),
      TEST(halves_survive_the_round_trip),   TEST(halves_round_to_nearest_even),
      TEST(integers_are_converted),          cmocka_unit_test(a_dtype_holds_its_range),
      TEST(every_dtype_reaches_every_other),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
