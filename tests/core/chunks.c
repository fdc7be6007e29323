/* chunks.c, clip.c, average.c: passes over many tensors when memory runs out anywhere in them: an
 * error, and every tensor as it was. */
#include "tests/core/model.h"

#include "core/train/average.h"
#include "core/train/chunks.h"
#include "core/train/clip.h"
#include "tests/core/faults.h"

enum { TENSORS = 4, LONG = 40000 /* more than a chunk */ };

/* Tensors of several kinds, and what they held before the work. */
typedef struct set {
  gt_tensor *tensor[TENSORS];
  gt_tensor *before[TENSORS]; /* f64 */
} set;

typedef struct sets {
  set a, b;
} sets;

static gt_tensor *filled(gt_dtype dtype, int64_t rows, int64_t columns) {
  gt_tensor *t = zeros(dtype, 2, (int64_t[]){rows, columns});
  ok(gt_fill_normal(cx, t, 0, 1));
  return t;
}

static gt_tensor *turned(gt_tensor *t) {
  gt_tensor *view = NULL;
  ok(gt_tensor_view(cx, t, 2, (int64_t[]){t->shape[1], t->shape[0]},
                    (int64_t[]){t->stride[1], t->stride[0]}, t->offset, &view));
  gt_tensor_unref(cx, t);
  return view;
}

/* strided: one of them does not lie in memory in its own order, so that the ops do the work. */
static void fill(set *s, gt_dtype half, bool strided) {
  s->tensor[0] = filled(GT_F32, 4, 10000);
  s->tensor[1] = filled(half, 30, 7);
  s->tensor[2] = filled(GT_F64, 5, 5);
  s->tensor[3] = filled(GT_F32, 6, 9);
  if (strided) s->tensor[3] = turned(s->tensor[3]);
  for (int i = 0; i < TENSORS; i++) {
    s->before[i] = zeros(GT_F64, 2, s->tensor[i]->shape);
    ok(gt_copy(cx, s->before[i], s->tensor[i]));
  }
}

static void drop(set *s) {
  for (int i = 0; i < TENSORS; i++) {
    gt_tensor_unref(cx, s->tensor[i]);
    gt_tensor_unref(cx, s->before[i]);
  }
}

static void put_back(set *s) {
  for (int i = 0; i < TENSORS; i++) ok(gt_copy(cx, s->tensor[i], s->before[i]));
}

static void assert_unchanged(const set *s) {
  static double now[LONG];
  for (int i = 0; i < TENSORS; i++) {
    ok(gt_read(cx, s->tensor[i], GT_F64, now));
    assert_memory_equal(now, gt_data(s->before[i]), (size_t)gt_count(s->tensor[i]) * sizeof *now);
  }
}

static void both_unchanged(gt_ctx *context, void *argument) {
  const sets *s = argument;
  (void)context;
  assert_unchanged(&s->a);
  assert_unchanged(&s->b);
}

static int with_sets(gt_dtype half, bool strided, faulty_work work) {
  sets s;
  fill(&s.a, GT_F32, strided);
  fill(&s.b, half, strided);
  int failures = fail_every_allocation(cx, work, both_unchanged, &s);
  drop(&s.a);
  drop(&s.b);
  return failures;
}

/* ---- the work ---- */

static gt_status measure(gt_ctx *context, void *argument) {
  const sets *s = argument;
  double norm = -1;
  gt_status status = gt_global_norm(context, s->b.tensor, TENSORS, &norm);
  assert_true(status == GT_OK ? norm > 0 : norm == -1);
  return status;
}

static gt_status search(gt_ctx *context, void *argument) {
  const sets *s = argument;
  int first = -7;
  gt_status status = gt_first_nonfinite(context, s->b.tensor, TENSORS, &first);
  assert_int_equal(first, status == GT_OK ? -1 : -7);
  return status;
}

/* What succeeds is put back, so that the same work can be done again. */
static gt_status clip(gt_ctx *context, void *argument) {
  sets *s = argument;
  double norm = -1;
  gt_status status = gt_clip(context, s->b.tensor, TENSORS, 0.5, &norm);
  assert_true(status == GT_OK ? norm > 0 : norm == -1);
  context->fail_after = -1;
  if (status) return status;
  ok(gt_global_norm(context, s->b.tensor, TENSORS, &norm));
  assert_near(norm, 0.5, 1e-3); /* bf16 has 8 bits */
  put_back(&s->b);
  return GT_OK;
}

static gt_status average(gt_ctx *context, void *argument) {
  sets *s = argument;
  gt_status status = gt_average_update(context, s->a.tensor, s->b.tensor, TENSORS, 0.75);
  context->fail_after = -1;
  if (status) return status;
  static double now[LONG];
  for (int i = 0; i < TENSORS; i++) {
    ok(gt_read(context, s->a.tensor[i], GT_F64, now));
    const double *a = gt_data(s->a.before[i]), *b = gt_data(s->b.before[i]);
    for (int64_t k = 0; k < gt_count(s->a.tensor[i]); k++)
      assert_near(now[k], 0.75 * a[k] + 0.25 * b[k], 1e-6);
  }
  put_back(&s->a);
  return GT_OK;
}

static gt_status swap_twice(gt_ctx *context, void *argument) {
  const sets *s = argument;
  GT_TRY(gt_average_swap(context, s->a.tensor, s->b.tensor, TENSORS));
  return gt_average_swap(context, s->a.tensor, s->b.tensor, TENSORS);
}

static gt_status cut(gt_ctx *context, void *argument) {
  const sets *s = argument;
  gt_chunks made = {.count = -7};
  gt_status status = gt_chunks_new(context, s->a.tensor, TENSORS, &made);
  assert_int_equal(made.count, status == GT_OK ? TENSORS : -7);
  if (status) return status;
  assert_int_equal(gt_chunks_count(&made), 5 + 1 + 1 + 1); /* of 8192 elements */
  gt_chunks_free(&made);
  return GT_OK;
}

/* ---- tests ---- */

static void norms_survive_failing_allocations(void **state) {
  (void)state;
  assert_true(with_sets(GT_BF16, true, measure) >= 8);
  assert_true(with_sets(GT_BF16, true, search) >= 8);
}

static void clipping_is_whole_or_not_at_all(void **state) {
  (void)state;
  assert_true(with_sets(GT_BF16, false, clip) >= 10);
}

static void averages_move_all_or_none(void **state) {
  (void)state;
  assert_int_equal(with_sets(GT_BF16, false, average), 2);
  assert_true(with_sets(GT_BF16, true, average) >= 10);
}

static void sweeps_and_swaps(void **state) {
  (void)state;
  assert_int_equal(with_sets(GT_F32, true, cut), 4);
  assert_int_equal(with_sets(GT_F32, true, swap_twice), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(norms_survive_failing_allocations),
      TEST(clipping_is_whole_or_not_at_all),
      TEST(averages_move_all_or_none),
      TEST(sweeps_and_swaps),
  };
  return cmocka_run_group_tests_name("chunks", tests, NULL, NULL);
}
