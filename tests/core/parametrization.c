/* parametrization.c: the table of rules is complete and well-formed, its arithmetic is exact where
 * doubles are, and steps below half an ulp are lost. */
#include "core/model/parametrization.h"

#include "tests/core/model.h"

static gt_site site(gt_role role, gt_family family, double fan_in, double fan_out) {
  gt_site s = {.role = role, .family = family};
  for (int i = 0; i < GT_QUANTITY_GIVEN; i++) s.quantity[i] = 1;
  s.quantity[GT_QUANTITY_FAN_IN] = fan_in;
  s.quantity[GT_QUANTITY_FAN_OUT] = fan_out;
  return s;
}

/* A misspelt quantity would be NaN, a missing row an error. */
static void every_rule_answers_every_role(void **state) {
  (void)state;
  for (int rule = 0; rule < gt_parametrization_count; rule++) {
    for (int role = 0; role < GT_ROLE_COUNT; role++) {
      for (int family = 0; family < GT_FAMILY_COUNT; family++) {
        gt_site s = site((gt_role)role, (gt_family)family, 768, 3072);
        gt_scales got;
        if (family == GT_FAMILY_MUON && role != GT_ROLE_HIDDEN) continue;
        for (int i = GT_QUANTITY_M; i < GT_QUANTITY_GIVEN; i++) s.quantity[i] = i + 1;
        ok(gt_parametrization_scales(cx, rule, &s, &got));
        assert_true(got.std >= 0 && got.std <= 1 + 1e-12);
        assert_true(got.multiplier > 0 && got.lr > 0 && got.eps > 0 && got.weight_decay > 0);
        assert_true(isfinite(got.std + got.multiplier + got.lr + got.eps + got.weight_decay));
      }
    }
  }
}

/* With every factor of width and depth at 1 the rules with a base are the standard one. */
static void relative_rules_are_standard_at_the_base(void **state) {
  (void)state;
  int standard = gt_parametrization_find("standard");
  for (int rule = 0; rule < gt_parametrization_count; rule++) {
    for (int role = 0; gt_parametrizations[rule].relative && role < GT_ROLE_COUNT; role++) {
      for (int family = 0; family <= (role == GT_ROLE_HIDDEN ? 2 : 1); family++) {
        gt_site s = site((gt_role)role, (gt_family)family, 300, 700);
        gt_scales got, want;
        ok(gt_parametrization_scales(cx, rule, &s, &got));
        ok(gt_parametrization_scales(cx, standard, &s, &want));
        assert_memory_equal(&got, &want, sizeof got);
      }
    }
  }
}

static void formulas_have_the_bits_of_the_expressions(void **state) {
  (void)state;
  gt_scales got;
  gt_site s = site(GT_ROLE_HIDDEN, GT_FAMILY_ADAM, 700, 300);
  ok(gt_parametrization_scales(cx, gt_parametrization_find("levanter_mup"), &s, &got));
  assert_true(got.std == 1 / sqrt(700.0));
  assert_true(got.lr == 1 / 700.0);
  ok(gt_parametrization_scales(cx, gt_parametrization_find("fan_out/fan_in/64"), &s, &got));
  assert_true(got.lr == 300.0 / 700.0 / 64);
}

static void wrong_input_is_refused(void **state) {
  (void)state;
  gt_scales got = {.std = 5};
  gt_site s = site(GT_ROLE_EMBEDDING, GT_FAMILY_ADAM, 1, 0);
  refused(gt_parametrization_scales(cx, 0, &s, &got), "expected fan_out > 0, got 0");
  s = site(GT_ROLE_EMBEDDING, GT_FAMILY_ADAM, NAN, 4);
  refused(gt_parametrization_scales(cx, 0, &s, &got), "expected fan_in > 0, got nan");
  assert_true(got.std == 5);
  assert_int_equal(gt_parametrization_find("spectral"), -1);
  assert_int_equal(gt_role_find("hidde"), -1);
}

static void half_ulps_are_those_of_the_dtype(void **state) {
  (void)state;
  static const gt_dtype dtypes[] = {GT_BF16, GT_F16, GT_F32, GT_F64};
  static const double at_one[] = {0x1p-8, 0x1p-11, 0x1p-24, 0x1p-53};
  for (int i = 0; i < 4; i++) {
    assert_true(gt_half_ulp(dtypes[i], 1) == at_one[i]);
    assert_true(gt_half_ulp(dtypes[i], -1.99) == at_one[i]);
    assert_true(gt_half_ulp(dtypes[i], 0.5) == at_one[i] / 2);
  }
  assert_true(gt_half_ulp(GT_F32, 0) == 0);
}

/* Counted on draws: a step is lost where rounding gives the old number back. */
static void lost_steps_are_counted_right(void **state) {
  (void)state;
  int64_t n = 40000;
  gt_tensor *t = zeros(GT_F32, 1, &n);
  ok(gt_fill_normal(cx, t, 0, 0.02));
  const float *w = gt_data(t);
  for (double step = 1e-5; step < 1e-3; step *= 1.7) {
    int64_t lost = 0;
    for (int64_t i = 0; i < n; i++) {
      float old = gt_from_bf16(gt_to_bf16(w[i]));
      float away = old < 0 ? old - (float)step : old + (float)step;
      lost += gt_to_bf16(away) == gt_to_bf16(old);
    }
    /* five standard errors of a share */
    assert_near((double)lost / (double)n, gt_share_lost(GT_BF16, 0.02, step),
                5 * 0.5 / sqrt(40000));
  }
  gt_tensor_unref(cx, t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(every_rule_answers_every_role),
      TEST(relative_rules_are_standard_at_the_base),
      TEST(formulas_have_the_bits_of_the_expressions),
      TEST(wrong_input_is_refused),
      TEST(half_ulps_are_those_of_the_dtype),
      TEST(lost_steps_are_counted_right),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
