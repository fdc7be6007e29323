/* init.c: initializers, the rotary tables, and init_weights of the GPT. */
#include "core/model/init.h"
#include "core/model/rotary.h"

#include "tests/core/model.h"

static gt_tensor *filled(int64_t rows, int64_t cols, gt_initializer kind, double a, double b) {
  gt_tensor *t = zeros(GT_F32, 2, (int64_t[]){rows, cols});
  ok(gt_init(cx, t, kind, a, b));
  return t;
}

/* Spread of n samples: four standard errors, sigma / sqrt(2 n) each, wide enough for any of the
 * initializers. */
static void assert_spread(const gt_tensor *t, double sigma) {
  assert_near(spread(t), sigma, 4 * sigma / sqrt(2 * (double)gt_count(t)));
}

static void initializers_have_their_spread(void **state) {
  (void)state;
  static const struct {
    gt_initializer kind;
    double a, b, sigma;
  } rows[] = {
      {GT_INIT_NORMAL, 0, 0.5, 0.5},
      {GT_INIT_UNIFORM, -3, 3, 1.7320508075688772},
      {GT_INIT_TRUNC_NORMAL, 0, 0.02, 0.02},
      {GT_INIT_TRUNC_NORMAL, 0, 1, 0.8796256610342398},     /* cut at two sigma */
      {GT_INIT_XAVIER_UNIFORM, 1, 0, 0.057735026918962574}, /* sqrt(2 / 600) */
      {GT_INIT_XAVIER_NORMAL, 2, 0, 0.11547005383792515},
      {GT_INIT_KAIMING_UNIFORM, 2.23606797749979, 0, 0.028867513459481288}, /* 1 / sqrt(3 fan_in) */
      {GT_INIT_KAIMING_NORMAL, 0, 0, 0.07071067811865475},
      {GT_INIT_SPECTRAL, 0, 0, 0.035355339059327376}, /* sqrt(200 / 400) / sqrt(400) */
  };
  for (int i = 0; i < GT_COUNT(rows); i++) {
    gt_tensor *t = filled(200, 400, rows[i].kind, rows[i].a, rows[i].b);
    assert_spread(t, rows[i].sigma);
    gt_tensor_unref(cx, t);
  }
}

static void truncation_is_absolute(void **state) {
  (void)state;
  gt_tensor *t = filled(100, 100, GT_INIT_TRUNC_NORMAL, 0, 5);
  double most = 0;
  for (int64_t i = 0; i < 10000; i++) most = fmax(most, fabs(element(t, i)));
  assert_true(most <= 2 && most > 1.99);
  gt_tensor_unref(cx, t);
}

static void orthogonal_is_orthogonal_on_the_smaller_side(void **state) {
  (void)state;
  for (int wide = 0; wide < 2; wide++) {
    int64_t rows = wide ? 7 : 20;
    int64_t cols = wide ? 20 : 7;
    gt_tensor *t = filled(rows, cols, GT_INIT_ORTHOGONAL, 3, 0);
    for (int i = 0; i < 7; i++) {
      for (int j = 0; j < 7; j++) {
        double sum = 0;
        for (int k = 0; k < 20; k++)
          sum += wide ? element(t, i * cols + k) * element(t, j * cols + k)
                      : element(t, k * cols + i) * element(t, k * cols + j);
        assert_near(sum, i == j ? 9 : 0, 1e-5); /* f32 weights of size 3 */
      }
    }
    gt_tensor_unref(cx, t);
  }
}

static void bad_settings_are_refused(void **state) {
  (void)state;
  gt_tensor *vector = zeros(GT_F32, 1, (int64_t[]){4});
  gt_tensor *integers = zeros(GT_I64, 2, (int64_t[]){2, 2});
  refused(gt_init(cx, vector, GT_INIT_SPECTRAL, 0, 0),
          "spectral_: expected a matrix (out, in), got (4)");
  refused(gt_init(cx, integers, GT_INIT_NORMAL, 0, 1),
          "normal_: expected a float tensor, got int64");
  refused(gt_init(cx, vector, GT_INIT_NORMAL, NAN, 1), "finite");
  refused(gt_init(cx, vector, GT_INIT_TRUNC_NORMAL, 0, 0), "std > 0");
  assert_int_equal(gt_init_find("xavier_normal_"), GT_INIT_XAVIER_NORMAL);
  assert_int_equal(gt_init_find("xavier"), -1);
  gt_tensor_unref(cx, vector);
  gt_tensor_unref(cx, integers);
}

/* ---- rotary ---- */

static void rotary_tables_are_rounded_to_bf16(void **state) {
  (void)state;
  gt_frame f = {.cx = cx};
  gt_tensor *table[2];
  gt_rotary_tables(&f, 10, 2, 10000, cx->cpu, table);
  ok(f.status);
  const uint16_t *c = gt_data(table[0]);
  const uint16_t *s = gt_data(table[1]);
  assert_true(gt_from_bf16(c[0]) == 1 && gt_from_bf16(s[0]) == 0);
  assert_true(gt_from_bf16(c[1]) == 0.5390625f);  /* cos 1 = 0.540302 */
  assert_true(gt_from_bf16(s[1]) == 0.83984375f); /* sin 1 = 0.841471 */
  ok(gt_frame_end(&f));
}

/* ---- the GPT ---- */

/* The table is drawn as an embedding and then as the head that shares it: the second stands. */
static void the_tied_table_ends_with_the_initializer_of_the_head(void **state) {
  (void)state;
  gt_gpt_config config = gpt_config(64, 2, 2, 3, 500, 8);
  gt_module *m = NULL;
  ok(gt_gpt_new(cx, &config, cx->cpu, &m));
  assert_spread(weight_at(m, "token_embedding"), 1); /* the default of an Embedding */
  ok(gt_gpt_init_weights(cx, m));
  assert_spread(weight_at(m, "token_embedding"), 0.125);
  assert_spread(weight_at(m, "blocks.1.attn.query"), 0.125);
  assert_spread(weight_at(m, "blocks.0.ff.proj_up"), 0.125);
  assert_true(spread(weight_at(m, "blocks.0.attn.proj")) == 0);
  assert_true(spread(weight_at(m, "blocks.1.ff.proj_down")) == 0);
  gt_module_unref(cx, m);
}

/* What a notebook written with single layers would do in the same order: the same numbers. */
static void draws_that_are_overwritten_use_up_their_stream(void **state) {
  (void)state;
  gt_gpt_config config = gpt_config(16, 1, 2, 2, 11, 8);
  gt_module *m = NULL;
  gt_module *layer = NULL;
  gt_manual_seed(cx, 7);
  ok(gt_gpt_new(cx, &config, cx->cpu, &m));
  uint64_t after = cx->stream;
  gt_manual_seed(cx, 7);
  ok(gt_embedding_new(cx, 11, 16, GT_F32, cx->cpu, &layer));
  gt_module_unref(cx, layer);
  ok(gt_linear_new(cx, 16, 16, false, GT_F32, cx->cpu, &layer));
  const float *key = gt_data(gt_module_slot(layer, "weight")->tensor);
  assert_memory_equal(key, gt_data(weight_at(m, "blocks.0.attn.key")), 16 * 16 * sizeof *key);
  gt_module_unref(cx, layer);
  for (int i = 0; i < 6; i++) gt_rng_stream(cx); /* query, value, proj, up, down, lm_head */
  assert_true(cx->stream == after);
  gt_manual_seed(cx, 8);
  ok(gt_gpt_init_weights(cx, m));
  assert_true(cx->stream == 8); /* table, four projections, up, down, head */
  gt_module_unref(cx, m);
}

static void configurations_are_checked(void **state) {
  (void)state;
  struct {
    gt_gpt_config config;
    const char *message;
  } bad[] = {
      {gpt_config(1024, 0, 8, 3, 32768, 1024), "expected 1 <= n_layers <= 10000, got 0"},
      {gpt_config(1024, 24, 7, 3, 32768, 1024), "n_heads must divide hidden_dim, got 7 and 1024"},
      {gpt_config(24, 24, 8, 3, 32768, 1024), "head_dim must be even for RoPE, got 3"},
      {gpt_config(-8, 24, 8, 3, 32768, 1024), "hidden_dim"},
      {gpt_config(INT32_MAX - 1, 24, 1, 2000000000, 32768, 1024), "too large"},
      {gpt_config(1024, 24, 8, 3, 1LL << 40, 1024), "vocab_size"},
      {.config = gt_gpt_defaults(), "n_kv_heads must divide n_heads, got 3 and 8"},
      {.config = gt_gpt_defaults(), "expected 0.0 <= dropout < 1.0, got 1.0"},
      {.config = gt_gpt_defaults(), "expected 0.0 <= softcap <= 1e+30, got -1.0"},
  };
  bad[6].config.n_kv_heads = 3;
  bad[7].config.dropout = 1;
  bad[8].config.softcap = -1;
  for (int i = 0; i < GT_COUNT(bad); i++)
    refused(gt_gpt_config_check(cx, &bad[i].config), bad[i].message);
}

/* The notebook's own size: 285,212,672 parameters without one byte of memory. */
static void a_model_of_any_size_fits_on_meta(void **state) {
  (void)state;
  gt_module *m = NULL;
  gt_gpt_config config = gt_gpt_defaults();
  ok(gt_gpt_new(cx, &config, &gt_backend_meta, &m));
  assert_int_equal(gt_module_parameter_count(cx, m), 285212672);
  assert_int_equal(gt_memory(cx, cx->cpu).live, 0);
  gt_module_unref(cx, m);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(initializers_have_their_spread),
      TEST(truncation_is_absolute),
      TEST(orthogonal_is_orthogonal_on_the_smaller_side),
      TEST(bad_settings_are_refused),
      TEST(rotary_tables_are_rounded_to_bf16),
      TEST(the_tied_table_ends_with_the_initializer_of_the_head),
      TEST(draws_that_are_overwritten_use_up_their_stream),
      TEST(configurations_are_checked),
      TEST(a_model_of_any_size_fits_on_meta),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
