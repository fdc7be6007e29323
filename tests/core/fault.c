/* Every allocation of a small training step fails once, alone and with all that follow.  Nothing
 * may leak, nothing may be half done, and the step must work afterwards. */
#include "tests/core/toy.h"

#include "core/tensor/text.h"

typedef struct model {
  gt_tensor *x, *h, *many[12];
} model;

static void build(gt_ctx *cx, model *m) {
  m->x = leaf(cx, GT_F32, 3, (double[]){1, 2, 3});
  m->h = leaf(cx, GT_BF16, 3, (double[]){0.5, 1, -1});
  for (int i = 0; i < GT_COUNT(m->many); i++) m->many[i] = leaf(cx, GT_F32, 3, (double[]){1, 1, 1});
}

static void clear(gt_ctx *cx, model *m) {
  gt_grad_clear(cx, m->x);
  gt_grad_clear(cx, m->h);
  for (int i = 0; i < GT_COUNT(m->many); i++) gt_grad_clear(cx, m->many[i]);
}

/* Forward, backward, an update in place of a copy, and some text. */
static gt_status step(gt_ctx *cx, model *m, double *loss) {
  enum { FUSED, SUM, FLAT, EXP, PRODUCT, LOSS, SCALAR, COPY, STEPS };
  gt_tensor *t[STEPS] = {NULL};
  gt_text text = {0};
  gt_status status = gt_apply(cx, "fuse", (gt_tensor *[]){m->x, m->h, m->h}, 3, NULL, &t[FUSED]);
  if (status == GT_OK) status = gt_apply(cx, "gather", m->many, GT_COUNT(m->many), NULL, &t[SUM]);
  if (status == GT_OK) status = gt_apply1(cx, "flat", t[SUM], NULL, &t[FLAT]);
  if (status == GT_OK) status = gt_tensor_scalar(cx, GT_F64, 0.125, 0, &t[SCALAR]);
  if (status == GT_OK) status = gt_apply2(cx, "mul", t[FLAT], t[SCALAR], NULL, &t[EXP]);
  if (status == GT_OK) status = gt_apply2(cx, "mul", t[EXP], t[FUSED], NULL, &t[PRODUCT]);
  if (status == GT_OK) status = gt_apply1(cx, "total", t[PRODUCT], NULL, &t[LOSS]);
  if (status == GT_OK) status = gt_backward(cx, t[LOSS], NULL, false);
  cx->grad_enabled = false;
  gt_spec spec = gt_spec_of(m->h);
  if (status == GT_OK) status = gt_tensor_new(cx, &spec, cx->cpu, &t[COPY]);
  if (status == GT_OK) status = gt_copy(cx, t[COPY], m->x);
  if (status == GT_OK)
    status = gt_apply(cx, "descend", (gt_tensor *[]){t[COPY], m->x->grad}, 2,
                      GT_ARGS({"lr", GT_FLOAT(0.5)}), NULL);
  if (status == GT_OK) status = gt_item(cx, t[LOSS], loss, NULL);
  cx->grad_enabled = true;
  if (status == GT_OK) {
    gt_text_add(cx, &text, "loss %g after %s", *loss,
                "a step whose report is longer than the first"
                " block of a growing text, which holds sixty-four bytes");
    if (text.failed) status = GT_ENOMEM;
  }
  gt_text_free(&text);
  drop(cx, STEPS, t);
  return status;
}

static void every_allocation_may_fail(void **state) {
  gt_ctx *cx = *state;
  for (int persist = 0; persist < 2; persist++) {
    model m;
    double expected, loss;
    build(cx, &m);
    ok(step(cx, &m, &expected));
    clear(cx, &m);
    size_t live = gt_memory(cx, cx->cpu).live;
    bool hit = true;
    int failures = 0;
    for (int n = 0; hit; n++) {
      gt_memory_trim(cx, cx->cpu); /* so that segments are part of the game */
      cx->fail_after = n;
      cx->fail_persist = persist;
      gt_status status = step(cx, &m, &loss);
      hit = cx->fail_after <= 0;
      cx->fail_after = -1;
      if (status != GT_OK) {
        assert_int_equal(status, GT_ENOMEM);
        assert_non_null(strstr(cx->message, "out of memory"));
        failures++;
      } else {
        assert_number(loss, expected);
      }
      assert_true(cx->grad_enabled);
      assert_int_equal(cx->scratch_count, 0);
      clear(cx, &m);
      assert_int_equal(gt_memory(cx, cx->cpu).live, live);
      ok(step(cx, &m, &loss));
      assert_number(loss, expected);
      clear(cx, &m);
    }
    assert_true(failures > 50); /* the loop did reach the allocations */
    DROP(m.x, m.h);
    drop(cx, GT_COUNT(m.many), m.many);
  }
}

static void doors_report_and_count(void **state) {
  gt_ctx *cx = *state;
  cx->fail_after = 2;
  void *a = gt_malloc(cx, 1), *b = gt_calloc(cx, 2, 3), *c = gt_malloc(cx, 10);
  assert_true(a != NULL && b != NULL && c == NULL);
  assert_string_equal(cx->message, "out of memory: 10 bytes");
  char *text = gt_strdup(cx, "alive again");
  assert_string_equal(text, "alive again");
  assert_null(gt_calloc(cx, SIZE_MAX / 2, 3)); /* the product overflows */
  cx->fail_after = 0;
  assert_null(gt_realloc(cx, text, 1000));
  assert_string_equal(text, "alive again"); /* the old block stays */
  cx->fail_after = 0;
  cx->fail_persist = true;
  assert_null(gt_malloc(cx, 1));
  assert_null(gt_malloc(cx, 1)); /* and every one after it */
  cx->fail_after = -1;
  assert_false(gt_fault(cx));
  gt_free(a);
  gt_free(b);
  gt_free(text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(every_allocation_may_fail),
      TEST(doors_report_and_count),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
