/* optim.c: what all optimizers share: groups, settings, steps that are whole or not at all,
 * state. The arithmetic of each optimizer is tested from Lua, against a version written there. */
#include "core/train/recipe.h"

#include "tests/core/model.h"

/* ---- an optimizer that can be seen through: p -= lr, and its state counts the steps ---- */

static gt_status probe_update(gt_ctx *context, int count, gt_tensor *const *p,
                              gt_tensor *const *state, const int64_t *steps,
                              const gt_value *hyper) {
  assert_int_equal(count, 1);
  gt_interrupt(context); /* arrives in the middle of the step */
  if (gt_poll(context) != GT_OK) return GT_EINTR;
  for (int64_t i = 0; i < gt_count(p[0]); i++) ((float *)gt_data(p[0]))[i] -= (float)hyper[0].f;
  return gt_fill_value(context, state[0], (double)steps[0]);
}

static const gt_setting probe_hypers[] = {
    {"lr", GT_SETTING_FLOAT, GT_FLOAT(0.5), .high = INFINITY},
    {"beta", GT_SETTING_FLOAT, GT_FLOAT(0.9), .high = 1, .below = true},
    {"steps", GT_SETTING_INT, GT_INT(5), .low = 1, .high = 100},
};
static const char *const probe_states[] = {"count"};
static const gt_optimizer_class probe = {
    .name = "Probe",
    .hypers = probe_hypers,
    .hyper_count = GT_COUNT(probe_hypers),
    .states = probe_states,
    .state_count = 1,
    .update = probe_update,
};

static gt_tensor *weight(int64_t rows, int64_t cols, bool gradient) {
  gt_tensor *t = zeros(GT_F32, 2, (int64_t[]){rows, cols});
  t->requires_grad = true;
  if (gradient) t->grad = zeros(GT_F32, 2, (int64_t[]){rows, cols});
  return t;
}

static gt_optimizer *optimizer(const gt_optimizer_class *class, gt_tensor **params, int count) {
  gt_optimizer *o = NULL;
  ok(gt_optimizer_new(cx, class, &o));
  ok(gt_optimizer_add_group(cx, o, params, count, NULL));
  return o;
}

static void drop(gt_optimizer *o, gt_tensor **params, int count) {
  gt_optimizer_unref(cx, o);
  for (int i = 0; i < count; i++) gt_tensor_unref(cx, params[i]);
}

static void a_step_is_finished_when_an_interrupt_comes(void **state) {
  (void)state;
  gt_tensor *p[] = {weight(2, 2, true), weight(3, 1, false), weight(1, 3, true)};
  gt_optimizer *o = optimizer(&probe, p, 3);
  ok(gt_optimizer_step(cx, o));
  assert_true(element(p[0], 0) == -0.5 && element(p[2], 2) == -0.5);
  assert_true(element(p[1], 0) == 0); /* without gradient: passed over */
  assert_null(o->state[1]);
  assert_int_equal(o->steps[1], 0);
  assert_int_equal(o->steps[2], 1);
  assert_false(cx->shielded);
  assert_int_equal(gt_optimizer_step(cx, o),
                   GT_EINTR); /* now it is told, before anything changes */
  assert_true(element(p[0], 0) == -0.5);
  gt_interrupt_clear(cx);
  drop(o, p, 3);
}

/* ---- an optimizer with a long part ---- */

static gt_status slow_direction(gt_ctx *context, int count, gt_tensor *const *p,
                                gt_tensor *const *state, const gt_value *hyper, gt_tensor **out) {
  (void)state, (void)hyper;
  assert_int_equal(count, 1);
  gt_spec spec = gt_spec_of(p[0]);
  GT_TRY(gt_tensor_zeros(context, &spec, gt_device_of(p[0]), out));
  if (gt_count(p[0]) == 6) gt_interrupt(context); /* in the middle: the second parameter */
  return gt_poll(context);
}

static gt_status slow_follow(gt_ctx *context, int count, gt_tensor *const *p,
                             gt_tensor *const *state, gt_tensor *direction, const gt_value *hyper) {
  (void)count, (void)hyper;
  assert_non_null(direction);
  GT_TRY(gt_poll(context)); /* shielded: never cut short */
  GT_TRY(gt_fill_value(context, state[0], 1));
  return gt_fill_value(context, p[0], -1);
}

static void an_interrupt_of_long_work_leaves_everything(void **state) {
  (void)state;
  gt_optimizer_class slow = probe;
  slow.update = NULL;
  slow.direction = slow_direction;
  slow.follow = slow_follow;
  gt_tensor *p[] = {weight(2, 2, true), weight(3, 2, true)};
  gt_optimizer *o = optimizer(&slow, p, 2);
  assert_int_equal(gt_optimizer_step(cx, o), GT_EINTR);
  assert_true(element(p[0], 0) == 0 && element(p[1], 0) == 0 && element(o->state[0], 0) == 0);
  assert_true(o->steps[0] == 0 && o->steps[1] == 0 && o->done == 0);
  assert_null(o->direction);
  gt_interrupt_clear(cx);
  gt_grad_clear(cx, p[1]);
  ok(gt_optimizer_step(cx, o));
  assert_true(element(p[0], 0) == -1 && element(p[1], 0) == 0 && o->steps[0] == 1);
  assert_null(o->direction);
  drop(o, p, 2);
}

static void bad_gradients_stop_a_step_before_it_begins(void **state) {
  (void)state;
  gt_tensor *p[] = {weight(2, 2, true), weight(3, 2, true)};
  gt_optimizer *o = optimizer(&probe, p, 2);
  p[1]->partial = true;
  refused(gt_optimizer_step(cx, o), "Probe: parameter 1 (3, 2) holds the gradient of a backward");
  assert_true(element(p[0], 0) == 0 && !o->state[0]);
  gt_optimizer_zero_grad(cx, o, true);
  assert_null(p[1]->grad);
  assert_false(p[1]->partial);
  p[0]->grad = zeros(GT_F32, 2, (int64_t[]){2, 2});
  p[1]->grad = zeros(GT_F32, 2, (int64_t[]){2, 3});
  refused(gt_optimizer_step(cx, o), "its gradient float32 (2, 3)");
  assert_true(element(p[0], 0) == 0);
  drop(o, p, 2);
}

static void zero_grad_can_keep_the_memory(void **state) {
  (void)state;
  gt_tensor *p[] = {weight(2, 2, true)};
  gt_optimizer *o = optimizer(&probe, p, 1);
  gt_tensor *g = p[0]->grad;
  ok(gt_fill_value(cx, g, 3));
  gt_optimizer_zero_grad(cx, o, false);
  assert_ptr_equal(p[0]->grad, g);
  assert_true(element(g, 3) == 0);
  drop(o, p, 1);
}

static void lack_of_memory_leaves_every_weight(void **state) {
  (void)state;
  gt_tensor *p[] = {weight(2, 2, true), weight(3, 2, true)};
  gt_status status = GT_ENOMEM;
  gt_optimizer *o = optimizer(&probe, p, 2);
  for (int n = 0; status != GT_OK; n++) {
    assert_true(n < 100);
    cx->fail_after = n;
    status = gt_optimizer_step(cx, o);
    cx->fail_after = -1;
    gt_interrupt_clear(cx);
    if (status != GT_OK) assert_true(element(p[0], 0) == 0);
  }
  assert_true(element(p[1], 0) == -0.5);
  drop(o, p, 2);
}

/* A step that runs out of memory in its middle goes on where it stopped. */
static void an_unfinished_step_is_continued(void **state) {
  (void)state;
  gt_tensor *p[] = {weight(2, 2, true), weight(3, 2, true)};
  gt_optimizer *o = optimizer(&gt_sgd, p, 2);
  o->groups[0].hyper[gt_hyper_find(&gt_sgd, "lr")].f = 1;
  o->groups[0].hyper[gt_hyper_find(&gt_sgd, "weight_decay")].f = 1; /* needs memory per parameter */
  ok(gt_fill_value(cx, p[0], 1));
  ok(gt_fill_value(cx, p[1], 1));
  ok(gt_fill_value(cx, p[0]->grad, 1));
  ok(gt_fill_value(cx, p[1]->grad, 1));
  gt_status status = GT_ENOMEM;
  int unfinished = 0;
  for (int n = 0; status != GT_OK; n++) {
    assert_true(n < 100);
    cx->fail_after = n;
    status = gt_optimizer_step(cx, o);
    cx->fail_after = -1;
    if (status == GT_OK || !strstr(cx->message, "1 of 2 parameters updated")) continue;
    unfinished++;
    status = gt_optimizer_step(cx, o);
  }
  assert_int_equal(unfinished, 1);
  assert_true(element(p[0], 0) == -1 && element(p[1], 0) == -1);
  assert_int_equal(o->steps[0], 1);
  drop(o, p, 2);
}

/* One step of three matrices from fixed numbers, whose n-th allocation fails (none when n < 0), and
 * when `persist` all after it; what failed is tried again.  Returns whether the step came so far;
 * the weights go to out. */
static bool step_with_fault(const gt_optimizer_class *class, const gt_value *hyper, int n,
                            bool persist, float out[35]) {
  gt_tensor *p[] = {weight(4, 3, true), weight(4, 3, true), weight(2, 4, true), weight(1, 3, true)};
  gt_optimizer *o = NULL;
  gt_manual_seed(cx, 1);
  for (int i = 0; i < 4; i++) {
    ok(gt_fill_normal(cx, p[i], 0, 1));
    ok(gt_fill_normal(cx, p[i]->grad, 0, 1));
  }
  ok(gt_optimizer_new(cx, class, &o));
  ok(gt_optimizer_add_group(cx, o, p, 4, hyper));
  ok(gt_optimizer_step(cx, o));
  cx->fail_after = n;
  cx->fail_persist = persist;
  bool failed = gt_optimizer_step(cx, o) != GT_OK, reached = n >= 0 && cx->fail_after <= 0;
  cx->fail_after = -1;
  if (failed) ok(gt_optimizer_step(cx, o));
  for (int i = 0; i < 4; i++) {
    memcpy(out, gt_data(p[i]), (size_t)gt_count(p[i]) * sizeof *out);
    out += gt_count(p[i]);
  }
  drop(o, p, 4);
  return reached;
}

static void a_step_tried_again_after_a_fault_is_one_step(void **state) {
  (void)state;
  gt_value sgd[GT_MAX_ATTR] = {{0}};
  sgd[gt_hyper_find(&gt_sgd, "momentum")] = (gt_value)GT_FLOAT(0.9);
  sgd[gt_hyper_find(&gt_sgd, "nesterov")] = (gt_value)GT_INT(1);
  sgd[gt_hyper_find(&gt_sgd, "weight_decay")] = (gt_value)GT_FLOAT(0.1);
  const gt_optimizer_class *classes[] = {&gt_adamw, &gt_muon, &gt_sgd};
  for (int k = 0; k < 3; k++) {
    const gt_value *hyper = classes[k] == &gt_sgd ? sgd : NULL;
    float want[35];
    float got[35];
    step_with_fault(classes[k], hyper, -1, false, want);
    for (int persist = 0; persist < 2; persist++) {
      int faults = 0;
      while (step_with_fault(classes[k], hyper, faults, persist, got)) {
        assert_memory_equal(got, want, sizeof want);
        assert_true(++faults < 1000);
      }
      if (classes[k] != &gt_adamw) assert_true(faults > 4); /* AdamW's step needs no memory */
    }
  }
}

/* ---- groups ---- */

static void settings_are_checked(void **state) {
  (void)state;
  gt_tensor *p[] = {weight(2, 2, true)};
  gt_optimizer *o = NULL;
  ok(gt_optimizer_new(cx, &probe, &o));
  refused(gt_optimizer_add_group(cx, o, p, 1, (gt_value[3]){GT_FLOAT(-1)}),
          "Probe: expected lr >= 0.0 and finite, got -1.0");
  refused(gt_optimizer_add_group(cx, o, p, 1, (gt_value[3]){GT_FLOAT(NAN)}), "got nan");
  refused(gt_optimizer_add_group(cx, o, p, 1, (gt_value[3]){{0}, GT_FLOAT(1)}),
          "Probe: expected 0.0 <= beta < 1.0, got 1.0");
  refused(gt_optimizer_add_group(cx, o, p, 1, (gt_value[3]){{0}, {0}, GT_INT(0)}), "steps");
  refused(gt_optimizer_add_group(cx, o, p, 0, NULL), "empty parameter list");
  refused(gt_optimizer_add_group(cx, o, (gt_tensor *[]){p[0], p[0]}, 2, NULL), "twice");
  assert_int_equal(o->group_count, 0);
  ok(gt_optimizer_add_group(cx, o, p, 1, (gt_value[3]){GT_FLOAT(0.25)}));
  refused(gt_optimizer_add_group(cx, o, p, 1, NULL), "parameter 0 is in the optimizer twice");
  assert_true(o->groups[0].initial_lr == 0.25 && o->groups[0].hyper[1].f == 0.9);
  drop(o, p, 1);
}

static void muon_groups_matrices_by_size(void **state) {
  (void)state;
  gt_tensor *p[] = {weight(4, 3, false), weight(2, 2, false), weight(3, 4, false),
                    weight(2, 2, false)};
  gt_tensor *vector = zeros(GT_F32, 1, (int64_t[]){4});
  gt_optimizer *o = optimizer(&gt_muon, p, 4);
  assert_int_equal(o->group_count, 2);
  assert_int_equal(o->parameter_count, 4);
  assert_ptr_equal(o->groups[0].params[1], p[3]);
  assert_ptr_equal(gt_optimizer_param(o, 2), p[0]);
  assert_null(gt_optimizer_param(o, 4));
  refused(gt_optimizer_add_group(cx, o, &vector, 1, NULL),
          "Muon: expected matrices, got a parameter (4)");
  p[0]->grad = zeros(GT_F32, 2, (int64_t[]){4, 3});
  refused(gt_optimizer_step(cx, o), "Muon: parameter 0 (2, 2) has no gradient");
  assert_null(o->state[2]);
  gt_tensor_unref(cx, vector);
  drop(o, p, 4);
}

static void groups_may_come_later(void **state) {
  (void)state;
  gt_tensor *p[] = {weight(2, 2, true), weight(3, 2, true)};
  gt_optimizer *o = optimizer(&probe, p, 1);
  ok(gt_optimizer_step(cx, o));
  gt_interrupt_clear(cx);
  ok(gt_optimizer_add_group(cx, o, &p[1], 1, (gt_value[3]){GT_FLOAT(2)}));
  ok(gt_optimizer_step(cx, o));
  gt_interrupt_clear(cx);
  assert_true(element(p[0], 0) == -1 && element(p[1], 0) == -2);
  assert_int_equal(o->steps[0], 2);
  assert_int_equal(o->steps[1], 1);
  drop(o, p, 2);
}

/* ---- state ---- */

static void state_is_loaded_whole_or_not_at_all(void **state) {
  (void)state;
  gt_tensor *p[] = {weight(2, 2, true), weight(3, 2, true)};
  gt_optimizer *o = optimizer(&probe, p, 2);
  gt_tensor *wide = zeros(GT_F64, 2, (int64_t[]){2, 2});
  gt_tensor *wrong = zeros(GT_F32, 2, (int64_t[]){2, 3});
  ok(gt_fill_value(cx, wide, 7));
  refused(gt_optimizer_load(cx, o, (int64_t[]){4, 4}, (gt_tensor *[]){wide, wrong}),
          "Probe: expected count (3, 2) for parameter 1, got (2, 3)");
  refused(gt_optimizer_load(cx, o, (int64_t[]){4, -1}, (gt_tensor *[]){wide, NULL}), "step >= 0");
  assert_null(o->state[0]);
  ok(gt_optimizer_load(cx, o, (int64_t[]){4, 0}, (gt_tensor *[]){wide, NULL}));
  assert_int_equal(o->state[0]->dtype, GT_F32); /* the parameter's */
  assert_true(element(o->state[0], 3) == 7);
  assert_int_equal(o->steps[0], 4);
  ok(gt_optimizer_step(cx, o));
  gt_interrupt_clear(cx);
  assert_true(element(o->state[0], 0) == 5);
  gt_tensor_unref(cx, wide);
  gt_tensor_unref(cx, wrong);
  drop(o, p, 2);
}

static void state_of_another_dtype_is_noticed(void **state) {
  (void)state;
  gt_module *m = NULL;
  ok(gt_linear_new(cx, 3, 2, false, GT_F32, cx->cpu, &m));
  gt_tensor *p = gt_module_slot(m, "weight")->tensor;
  p->grad = zeros(GT_F32, 2, (int64_t[]){2, 3});
  gt_optimizer *o = optimizer(&probe, &p, 1);
  ok(gt_optimizer_step(cx, o));
  gt_interrupt_clear(cx);
  ok(gt_module_to(cx, m, &(gt_dtype){GT_F64}, NULL));
  refused(gt_optimizer_step(cx, o), "make a new optimizer");
  gt_optimizer_unref(cx, o);
  gt_module_unref(cx, m);
}

/* ---- the notebook's pair ---- */

static void the_recipe_covers_every_parameter(void **state) {
  (void)state;
  gt_module *m = NULL;
  gt_optimizer *adamw = NULL;
  gt_optimizer *muon = NULL;
  gt_text note = {0};
  gt_gpt_config config = gt_gpt_defaults();
  ok(gt_gpt_new(cx, &config, &gt_backend_meta, &m));
  ok(gt_recipe_make(cx, m, &gt_recipe_defaults, &adamw, &muon, &note));
  assert_string_equal(note.data,
                      "Scaling the LR for the AdamW parameters ∝1/√(1024/768) = 0.866025");
  assert_int_equal(muon->group_count, 2);
  assert_int_equal(muon->groups[0].count, 96);
  assert_int_equal(gt_count(muon->groups[0].params[0]), 1048576);
  assert_int_equal(muon->groups[1].count, 48);
  assert_true(muon->groups[1].hyper[gt_hyper_find(&gt_muon, "lr")].f == 0.02);
  assert_int_equal(adamw->parameter_count, 1);
  assert_near(adamw->groups[0].initial_lr, 0.17320508, 1e-8);
  gt_optimizer_unref(cx, adamw);
  gt_optimizer_unref(cx, muon);
  gt_text_free(&note);
  gt_tensor *loose = meta(GT_F32, 2, (int64_t[]){4, 4});
  ok(gt_module_set_parameter(cx, m, "extra", loose));
  refused(gt_recipe_make(cx, m, &gt_recipe_defaults, &adamw, &muon, &note),
          "setup_optimizers: extra is neither in token_embedding nor in blocks");
  gt_tensor_unref(cx, loose);
  gt_module_unref(cx, m);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_step_is_finished_when_an_interrupt_comes),
      TEST(an_interrupt_of_long_work_leaves_everything),
      TEST(bad_gradients_stop_a_step_before_it_begins),
      TEST(zero_grad_can_keep_the_memory),
      TEST(lack_of_memory_leaves_every_weight),
      TEST(an_unfinished_step_is_continued),
      TEST(a_step_tried_again_after_a_fault_is_one_step),
      TEST(settings_are_checked),
      TEST(muon_groups_matrices_by_size),
      TEST(groups_may_come_later),
      TEST(state_is_loaded_whole_or_not_at_all),
      TEST(state_of_another_dtype_is_noticed),
      TEST(the_recipe_covers_every_parameter),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
