/* frame.c: what a frame holds, when it lets go, and what is left when something in it fails. */
#include "core/tensor/frame.h"

#include "tests/core/model.h"

enum { N = 1 << 16 }; /* elements: 256 KiB, far above what a view or a number takes */

static const int64_t length = N;

static size_t live(void) { return gt_memory(cx, cx->cpu).live; }

/* How many tensors of N elements are alive. */
static int held(void) { return (int)(live() / (N * sizeof(float))); }

static void a_frame_holds_what_is_made_until_its_end(void **state) {
  (void)state;
  gt_tensor *x = zeros(GT_F32, 1, &length);
  gt_tensor *y = NULL;
  gt_frame f = {.cx = cx};
  gt_tensor *a = gt_op1(&f, "exp", x);
  gt_tensor *b = gt_op2(&f, "add", a, x);
  assert_int_equal(held(), 3);
  ok(gt_frame_return(&f, b, &y));
  assert_int_equal(held(), 2);
  assert_true(y == b && element(y, 7) == 1);
  gt_tensor_unref(cx, x);
  gt_tensor_unref(cx, y);
}

/* The peak of a chain is two tensors next to its input, or one where the op may write over it. */
static void a_last_use_releases(void **state) {
  (void)state;
  gt_tensor *x = zeros(GT_F32, 1, &length);
  gt_frame f = {.cx = cx};
  gt_tensor *a = gt_op1(&f, "exp", x);
  const void *memory = gt_data(a);
  gt_tensor *b = gt_op1(&f, "exp", gt_last(&f, a));
  assert_true(gt_data(b) == memory);
  gt_tensor *c = gt_op2(&f, "add", x, gt_last(&f, b));
  assert_int_equal(held(), 2);
  c = gt_op_number(&f, "mul", gt_last(&f, c), 2);
  assert_int_equal(held(), 2);
  assert_true(element(c, 0) == 2 * (float)exp(1));
  gt_release(&f, c);
  assert_int_equal(held(), 1);
  assert_int_equal(f.count, 0);
  ok(gt_frame_end(&f));
  gt_tensor_unref(cx, x);
}

/* What is not of the frame survives its last use, and what gt_pass hands on survives the next. */
static void a_frame_releases_its_own_only(void **state) {
  (void)state;
  gt_tensor *x = zeros(GT_F32, 1, &length);
  gt_frame f = {.cx = cx};
  gt_tensor *a = gt_op1(&f, "exp", gt_last(&f, x));
  gt_release(&f, x);
  assert_int_equal(x->refs, 1);
  a = gt_pass(&f, gt_last(&f, a));
  gt_op2(&f, "add", a, a);
  assert_int_equal(a->refs, 1);
  assert_int_equal(held(), 3);
  ok(gt_frame_end(&f));
  gt_tensor_unref(cx, x);
}

/* A tensor with a gradient to come is not written over. */
static void a_last_use_keeps_what_backward_reads(void **state) {
  (void)state;
  gt_tensor *x = zeros(GT_F32, 1, &length);
  gt_tensor *y = NULL;
  x->requires_grad = true;
  gt_frame f = {.cx = cx};
  gt_tensor *a = gt_op1(&f, "exp", x);
  a = gt_op1(&f, "exp", gt_last(&f, a));
  ok(gt_frame_return(&f, gt_op1(&f, "sum", gt_last(&f, a)), &y));
  ok(gt_backward(cx, y, NULL, false));
  assert_near(element(x->grad, 3), exp(1), 1e-6);
  gt_grad_clear(cx, x);
  gt_tensor_unref(cx, x);
  gt_tensor_unref(cx, y);
}

static void the_first_failure_stays(void **state) {
  (void)state;
  gt_tensor *x = zeros(GT_F32, 1, &length);
  gt_tensor *y = x;
  gt_frame f = {.cx = cx};
  gt_tensor *a = gt_op1(&f, "exp", x);
  gt_tensor *b = gt_reshape(&f, gt_last(&f, a), 1, (int64_t[]){7});
  assert_null(b);
  assert_null(gt_op1(&f, "no such op", x));
  assert_null(gt_op2(&f, "add", gt_last(&f, b), x));
  assert_null(gt_number(&f, 1));
  refused(gt_frame_return(&f, b, &y), "reshape");
  assert_true(y == x);
  assert_int_equal(held(), 1);
  gt_tensor_unref(cx, x);
}

static void a_full_frame_is_refused(void **state) {
  (void)state;
  gt_frame f = {.cx = cx};
  for (int i = 0; i < GT_MAX_KEPT; i++) assert_non_null(gt_whole(&f, i));
  assert_null(gt_whole(&f, 0));
  refused(gt_frame_end(&f), "expected at most 32 tensors at a time");
}

/* Every allocation of a step with loss and backward, and of a forward with a cache, fails once,
 * alone and with all that follow; close_context sees what is left behind. */
static gt_status use(gt_module *m, gt_tensor *idx, bool cached, double *out) {
  gt_cache *cache = NULL;
  gt_frame f = {.cx = cx};
  gt_tensor *y = NULL;
  gt_arguments args = {.count = 2, .arg = {{.count = 1, .at = {idx}}, {.count = 1, .at = {idx}}}};
  cx->grad_enabled = !cached;
  if (cached) {
    f.status = gt_cache_new(cx, 2, idx->shape[0], 2 * idx->shape[1], &cache);
    args.count = 1;
    args.cache = cache;
    if (f.status == GT_OK) f.status = gt_module_call(cx, m, &args, &y);
    gt_release(&f, gt_keep(&f, y));
    y = NULL;
  }
  if (f.status == GT_OK) f.status = gt_module_call(cx, m, &args, &y);
  gt_keep(&f, y);
  if (cached) y = gt_op1(&f, "sum", y);
  if (f.status == GT_OK) f.status = gt_item(cx, y, out, NULL);
  if (f.status == GT_OK && !cached) f.status = gt_backward(cx, y, NULL, false);
  gt_cache_unref(cx, cache);
  gt_module_zero_grad(cx, m);
  cx->grad_enabled = true;
  return gt_frame_end(&f);
}

static void allocation_faults_leave_nothing(void **state) {
  (void)state;
  gt_module *m = small_gpt();
  gt_tensor *idx = zeros(GT_I64, 2, (int64_t[]){2, 5});
  for (int round = 0; round < 4; round++) {
    bool cached = round & 1, reached = true;
    double expected = 0, got = 0;
    int failures = 0;
    ok(use(m, idx, cached, &expected));
    size_t before = live();
    for (int n = 0; reached; n++) {
      assert_true(n < 5000);
      gt_memory_trim(cx, cx->cpu);
      cx->fail_after = n;
      cx->fail_persist = round & 2;
      gt_status status = use(m, idx, cached, &got);
      reached = cx->fail_after <= 0;
      cx->fail_after = -1;
      assert_true(status == GT_OK || status == GT_ENOMEM);
      failures += status != GT_OK;
      assert_int_equal(live(), before);
    }
    assert_true(failures > 50);
    ok(use(m, idx, cached, &got));
    assert_true(got == expected);
  }
  gt_tensor_unref(cx, idx);
  gt_module_unref(cx, m);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_frame_holds_what_is_made_until_its_end),
      TEST(a_last_use_releases),
      TEST(a_frame_releases_its_own_only),
      TEST(a_last_use_keeps_what_backward_reads),
      TEST(the_first_failure_stays),
      TEST(a_full_frame_is_refused),
      TEST(allocation_faults_leave_nothing),
  };
  return cmocka_run_group_tests_name("frame", tests, NULL, NULL);
}
