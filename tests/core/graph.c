/* Tests of recording and backward. */
#include "tests/core/toy.h"

#include <malloc.h>
#ifdef __SANITIZE_ADDRESS__
size_t __sanitizer_get_current_allocated_bytes(void);
#endif

static void two_paths_add_up(void **state) {
  gt_ctx *cx = *state;
  gt_tensor *x = leaf(cx, GT_F64, 2, (double[]){3, -2});
  gt_tensor *y = apply2(cx, "mul", x, x); /* x^2 */
  gt_tensor *z = apply2(cx, "add", y, x); /* x^2 + x */
  gt_tensor *s = apply1(cx, "total", z);  /* sum (x^2 + x)^2 */
  ok(gt_backward(cx, s, NULL, false));
  /* 2 (x^2 + x) (2x + 1) */
  assert_number(at(cx, x->grad, 0), 2 * 12 * 7);
  assert_number(at(cx, x->grad, 1), 2 * 2 * -3);
  DROP(x, y, z, s);
}

/* The first tensor is reached by a short way and by a long one: it must wait for the long one. */
static void paths_of_different_length_add_up(void **state) {
  gt_ctx *cx = *state;
  gt_tensor *x = leaf(cx, GT_F64, 1, (double[]){0.5}), *k = make(cx, GT_F64, 1, 0, (double[]){3});
  gt_tensor *a = apply2(cx, "mul", x, x), *b = apply2(cx, "mul", a, k),
            *c = apply2(cx, "mul", b, k);
  gt_tensor *y = apply2(cx, "mul", c, a); /* 9 x^4 */
  ok(gt_backward(cx, y, NULL, false));
  assert_number(at(cx, x->grad, 0), 36 * 0.125);
  DROP(x, k, a, b, c, y);
}

static void gradients_accumulate_over_backwards(void **state) {
  gt_ctx *cx = *state;
  gt_tensor *x = leaf(cx, GT_F32, 2, (double[]){1, 2});
  for (int pass = 1; pass <= 3; pass++) {
    gt_tensor *s = apply1(cx, "total", x); /* fused: from the second pass it adds in place */
    ok(gt_backward(cx, s, NULL, false));
    assert_number(at(cx, x->grad, 1), 4.0 * pass);
    gt_tensor_unref(cx, s);
  }
  gt_grad_clear(cx, x);
  assert_null(x->grad);
  gt_tensor_unref(cx, x);
}

/* The waiting gradient of an inner tensor, a fused op adding to it, and two equal inputs of one op.
 */
static void fused_ops_write_or_add(void **state) {
  gt_ctx *cx = *state;
  gt_tensor *x = leaf(cx, GT_F32, 2, (double[]){1, 2});
  gt_tensor *y = apply2(cx, "add", x, x);
  gt_tensor *in[3] = {y, y, y}, *z = NULL;
  ok(gt_apply(cx, "fuse", in, 3, NULL, &z)); /* y^3 + y */
  gt_tensor *w = apply2(cx, "mul", z, y);    /* y^4 + y^2 */
  gt_tensor *s = apply1(cx, "total", w);
  ok(gt_backward(cx, s, NULL, false));
  for (int i = 0; i < 2; i++) {
    double v = 2 * (i + 1), f = v * v * v * v + v * v;
    assert_number(at(cx, x->grad, i), 2 * f * (4 * v * v * v + 2 * v) * 2);
  }
  DROP(x, y, z, w, s);
}

static void variadic_ops_pass_to_each(void **state) {
  gt_ctx *cx = *state;
  gt_tensor *in[20], *y = NULL, *s;
  for (int k = 0; k < 20; k++) in[k] = leaf(cx, GT_F64, 1, (double[]){k});
  in[7]->requires_grad = false;
  ok(gt_apply(cx, "gather", in, 20, NULL, &y));
  s = apply1(cx, "total", y);
  ok(gt_backward(cx, s, NULL, false));
  for (int k = 0; k < 20; k++) {
    if (k == 7)
      assert_null(in[k]->grad);
    else
      assert_number(at(cx, in[k]->grad, 0), 2 * 190);
  }
  drop(cx, 20, in);
  DROP(y, s);
}

static void outputs_may_be_saved(void **state) {
  gt_ctx *cx = *state;
  gt_tensor *x = leaf(cx, GT_F64, 1, (double[]){0.5});
  gt_tensor *y = apply1(cx, "exp", x), *s = apply1(cx, "total", y);
  gt_tensor_unref(cx, y); /* only the record holds it now */
  ok(gt_backward(cx, s, NULL, false));
  assert_number(at(cx, x->grad, 0), 2 * exp(0.5) * exp(0.5));
  DROP(x, s);
}

static void hidden_outputs_are_for_backward_only(void **state) {
  gt_ctx *cx = *state;
  gt_tensor *x = leaf(cx, GT_F64, 2, (double[]){1, 3}), *out[2] = {NULL};
  gt_tensor *seed = make(cx, GT_F64, 2, 0, (double[]){10, 1});
  ok(gt_apply(cx, "spread", &x, 1, NULL, out));
  assert_null(out[1]);
  assert_number(at(cx, out[0], 1), 12);
  ok(gt_backward(cx, out[0], seed, false));
  assert_number(at(cx, x->grad, 0), 4 * 10 + 13);
  assert_number(at(cx, x->grad, 1), 4 * 1 + 13);
  DROP(x, out[0], seed);
}

static void views_are_differentiable(void **state) {
  gt_ctx *cx = *state;
  gt_tensor *x = make(cx, GT_F32, 2, 2, (double[]){1, 2, 3, 4});
  x->requires_grad = true;
  gt_tensor *y = apply1(cx, "flat", x), *same = apply1(cx, "flat", y);
  assert_ptr_equal(y->storage, x->storage);
  assert_ptr_not_equal(same,
                       y); /* the op answered with its input; the result is a tensor of its own */
  gt_tensor *s = apply1(cx, "total", same);
  ok(gt_backward(cx, s, NULL, false));
  assert_int_equal(x->grad->ndim, 2);
  assert_number(at(cx, x->grad, 3), 8);
  DROP(x, y, same, s);
}

static void leaf_gradients_have_the_leafs_dtype(void **state) {
  gt_ctx *cx = *state;
  gt_tensor *h = leaf(cx, GT_BF16, 2, (double[]){1.5, -2});
  gt_tensor *x = leaf(cx, GT_F32, 2, (double[]){2, 4});
  gt_tensor *in[3] = {x, h, NULL}, *y = NULL;
  ok(gt_apply(cx, "fuse", in, 2, NULL, &y)); /* x^2 h */
  assert_int_equal(y->dtype, GT_F32);
  gt_tensor *s = apply1(cx, "total", y);
  ok(gt_backward(cx, s, NULL, true));
  assert_int_equal(h->grad->dtype, GT_BF16);
  assert_int_equal(x->grad->dtype, GT_F32);
  assert_number(at(cx, h->grad, 1), 2 * -32 * 16);
  ok(gt_backward(cx, s, NULL, false));
  assert_number(at(cx, h->grad, 1), 2 * 2 * -32 * 16);
  DROP(h, x, y, s);
}

static void a_gradient_belongs_to_its_leaf_alone(void **state) {
  gt_ctx *cx = *state;
  gt_tensor *a = leaf(cx, GT_F32, 1, (double[]){1}), *b = leaf(cx, GT_F32, 1, (double[]){1});
  gt_tensor *y = apply2(cx, "add", a, b), *seed = make(cx, GT_F32, 1, 0, (double[]){5});
  ok(gt_backward(cx, y, seed, false)); /* the rule of add passes one tensor to both */
  assert_ptr_not_equal(a->grad->storage, b->grad->storage);
  assert_ptr_not_equal(a->grad->storage, seed->storage);
  assert_number(at(cx, b->grad, 0), 5);
  DROP(a, b, y, seed);
}

static void a_consumed_graph_is_refused(void **state) {
  gt_ctx *cx = *state;
  gt_tensor *x = leaf(cx, GT_F32, 1, (double[]){2}), *y = apply2(cx, "mul", x, x);
  gt_tensor *s = apply1(cx, "total", y), *r = apply1(cx, "total", y);
  ok(gt_backward(cx, s, NULL, false));
  fails(gt_backward(cx, s, NULL, false), GT_EGRAPH, "already consumed by backward()");
  fails(gt_backward(cx, r, NULL, false), GT_EGRAPH, "retain_graph=true");
  assert_number(at(cx, x->grad, 0), 4 * 8);
  assert_false(x->partial); /* refused before anything was done */
  DROP(x, y, s, r);
}

static void a_retained_graph_runs_again(void **state) {
  gt_ctx *cx = *state;
  gt_tensor *x = leaf(cx, GT_F32, 1, (double[]){2}), *y = apply2(cx, "mul", x, x);
  gt_tensor *s = apply1(cx, "total", y);
  ok(gt_backward(cx, s, NULL, true));
  ok(gt_backward(cx, s, NULL, false));
  assert_number(at(cx, x->grad, 0), 2 * 4 * 8);
  DROP(x, y, s);
}

static void a_changed_save_is_noticed(void **state) {
  gt_ctx *cx = *state;
  gt_tensor *x = leaf(cx, GT_F32, 1, (double[]){2}), *k = make(cx, GT_F32, 1, 0, (double[]){3});
  ok(gt_run_into(cx, &toy_op_add, (gt_tensor *[]){k, k}, 2, NULL, k)); /* before: no harm */
  gt_tensor *y = apply2(cx, "mul", x, k), *s = apply1(cx, "total", y), *z = apply1(cx, "total", y);
  ok(gt_backward(cx, z, NULL, true));
  gt_grad_clear(cx, x);
  gt_tensor_unref(cx, z);
  ok(gt_run_into(cx, &toy_op_add, (gt_tensor *[]){k, k}, 2, NULL, k));
  fails(gt_backward(cx, s, NULL, false), GT_EGRAPH,
        "saved by mul was modified in place since (version 2, saved at 1)");
  assert_null(x->grad);
  gt_tensor *other = make(cx, GT_F32, 1, 0, (double[]){3});
  z = apply2(cx, "mul", x, other);
  gt_tensor_assign(cx, other, k);
  fails(gt_backward(cx, z, NULL, false), GT_EGRAPH, "saved by mul was given other data");
  DROP(x, k, y, s, other, z);
}

static void in_place_edits_of_a_graph_are_refused(void **state) {
  gt_ctx *cx = *state;
  gt_tensor *x = leaf(cx, GT_F32, 2, (double[]){1, 2}),
            *k = make(cx, GT_F32, 2, 0, (double[]){3, 4});
  gt_tensor *view = apply1(cx, "flat", x), *y = apply2(cx, "mul", x, k);
  const char *text =
      "add_: a tensor that takes part in a recorded graph cannot be changed in place";
  gt_tensor *targets[3] = {x, view, y};
  for (int i = 0; i < 3; i++)
    fails(gt_run_into(cx, &toy_op_add, (gt_tensor *[]){targets[i], k}, 2, NULL, targets[i]),
          GT_EGRAPH, text);
  fails(gt_run_into(cx, &toy_op_add, (gt_tensor *[]){k, x}, 2, NULL, k), GT_EGRAPH, text);
  fails(gt_apply(cx, "descend", (gt_tensor *[]){x, k}, 2, GT_ARGS({"lr", GT_FLOAT(1)}), NULL),
        GT_EGRAPH, "descend: a tensor");
  cx->grad_enabled = false;
  ok(gt_apply(cx, "descend", (gt_tensor *[]){x, k}, 2, GT_ARGS({"lr", GT_FLOAT(1)}), NULL));
  cx->grad_enabled = true;
  assert_number(at(cx, x, 0), -2);
  DROP(x, k, view, y);
}

static void nothing_is_recorded_without_need(void **state) {
  gt_ctx *cx = *state;
  gt_tensor *x = leaf(cx, GT_F32, 1, (double[]){2}), *k = make(cx, GT_F32, 1, 0, (double[]){3});
  gt_tensor *a = apply2(cx, "mul", k, k), *b = apply2(cx, "less", x, k);
  cx->grad_enabled = false;
  gt_tensor *c = apply2(cx, "mul", x, k);
  cx->grad_enabled = true;
  assert_true(a->node == NULL && b->node == NULL && c->node == NULL && !c->requires_grad);
  gt_tensor *d = apply2(cx, "mul", x, k);
  char name[64];
  assert_string_equal(gt_grad_fn(d, name), "MulBackward0");
  assert_null(gt_grad_fn(x, name));
  gt_graph_detach(cx, d);
  assert_true(d->node == NULL && !d->requires_grad);
  DROP(x, k, a, b, c, d);
}

static void wrong_starts_are_refused(void **state) {
  gt_ctx *cx = *state;
  gt_tensor *x = leaf(cx, GT_F32, 2, (double[]){1, 2}), *k = make(cx, GT_F32, 1, 0, (double[]){3});
  gt_tensor *y = apply2(cx, "mul", x, k);
  fails(gt_backward(cx, k, NULL, false), GT_EGRAPH, "requires no gradient");
  fails(gt_backward(cx, y, NULL, false), GT_EGRAPH, "expected a tensor with one element, got (2)");
  fails(gt_backward(cx, y, k, false), GT_ESHAPE, "expected a gradient of shape (2), got (1)");
  ok(gt_backward(cx, y, x, false)); /* a seed that itself requires gradients */
  assert_number(at(cx, x->grad, 1), 6);
  gt_tensor *leaf_alone = leaf(cx, GT_F64, 1, (double[]){7});
  ok(gt_backward(cx, leaf_alone, NULL, false));
  assert_number(at(cx, leaf_alone->grad, 0), 1);
  DROP(x, k, y, leaf_alone);
}

/* Two leaves; the one reached first has its gradient, then an op fails. */
static void a_failed_backward_marks_what_it_touched(void **state) {
  gt_ctx *cx = *state;
  gt_tensor *a = leaf(cx, GT_F32, 1, (double[]){1}), *b = leaf(cx, GT_F32, 1, (double[]){1});
  gt_tensor *bad = apply1(cx, "broken", b), *y = apply2(cx, "mul", a, bad);
  fails(gt_backward(cx, y, NULL, false), GT_EDEVICE, "always fails");
  assert_true(a->partial);
  assert_non_null(a->grad);
  assert_false(b->partial); /* its gradient was not stored */
  assert_null(b->grad);
  assert_true(cx->grad_enabled);
  gt_grad_clear(cx, a);
  assert_false(a->partial);
  DROP(a, b, bad, y);
}

static void an_interrupt_stops_backward(void **state) {
  gt_ctx *cx = *state;
  gt_tensor *x = leaf(cx, GT_F32, 1, (double[]){1}), *y = apply2(cx, "mul", x, x);
  gt_interrupt(cx);
  fails(gt_backward(cx, y, NULL, false), GT_EINTR, "interrupted");
  gt_tensor *none = NULL;
  fails(gt_apply2(cx, "mul", x, x, NULL, &none), GT_EINTR, "interrupted");
  gt_interrupt_clear(cx);
  assert_null(none);
  gt_tensor *z = apply2(cx, "mul", x, x);
  DROP(x, y, z);
}

static void a_deep_graph_needs_no_stack(void **state) {
  gt_ctx *cx = *state;
  gt_tensor *x = leaf(cx, GT_F32, 1, (double[]){1}), *k = make(cx, GT_F32, 1, 0, (double[]){0});
  for (int run = 0; run < 2; run++) {
    gt_tensor *y = gt_tensor_ref(x);
    for (int i = 0; i < 1000000; i++) {
      gt_tensor *next = apply2(cx, "add", y, k);
      gt_tensor_unref(cx, y);
      y = next;
    }
    if (run == 1) ok(gt_backward(cx, y, NULL, false));
    gt_tensor_unref(cx, y); /* run 0: a million nodes die at once */
  }
  assert_number(at(cx, x->grad, 0), 1);
  DROP(x, k);
}

/* Bytes in use on the heap and held by the arena. */
static size_t memory_in_use(const gt_ctx *cx) {
#ifdef __SANITIZE_ADDRESS__
  return __sanitizer_get_current_allocated_bytes() + gt_memory(cx, cx->cpu).cached;
#else
  return mallinfo2().uordblks + gt_memory(cx, cx->cpu).cached;
#endif
}

static void cycles_of_training_do_not_grow(void **state) {
  gt_ctx *cx = *state;
  gt_tensor *x = leaf(cx, GT_F32, 4, (double[]){1, 2, 3, 4});
  size_t before = 0;
  for (int step = 0; step <= 10000; step++) {
    if (step == 100) before = memory_in_use(cx);
    gt_tensor *y = apply2(cx, "mul", x, x), *z = apply1(cx, "exp", y), *s = apply1(cx, "total", z);
    ok(gt_backward(cx, s, NULL, false));
    gt_grad_clear(cx, x);
    DROP(y, z, s);
  }
  /* the C library keeps a few small blocks of its own; one byte lost per cycle would be 9900 */
  assert_true(memory_in_use(cx) <= before + 4096);
  gt_tensor_unref(cx, x);
}

static void shapes_pass_through_meta(void **state) {
  gt_ctx *cx = *state;
  int64_t shape[2] = {1 << 20, 1 << 20}; /* 4 TB: never allocated */
  gt_spec spec = gt_spec_make(GT_F32, 2, shape);
  gt_tensor *x = NULL;
  ok(gt_tensor_new(cx, &spec, &gt_backend_meta, &x));
  x->requires_grad = true;
  gt_tensor *y = apply2(cx, "mul", x, x), *s = apply1(cx, "total", y);
  ok(gt_backward(cx, s, NULL, false));
  assert_int_equal(x->grad->shape[1], 1 << 20);
  assert_ptr_equal(gt_device_of(x->grad), &gt_backend_meta);
  double value;
  fails(gt_item(cx, s, &value, NULL), GT_EDEVICE, "meta");
  DROP(x, y, s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(two_paths_add_up),
      TEST(paths_of_different_length_add_up),
      TEST(gradients_accumulate_over_backwards),
      TEST(fused_ops_write_or_add),
      TEST(variadic_ops_pass_to_each),
      TEST(outputs_may_be_saved),
      TEST(hidden_outputs_are_for_backward_only),
      TEST(views_are_differentiable),
      TEST(leaf_gradients_have_the_leafs_dtype),
      TEST(a_gradient_belongs_to_its_leaf_alone),
      TEST(a_consumed_graph_is_refused),
      TEST(a_retained_graph_runs_again),
      TEST(a_changed_save_is_noticed),
      TEST(in_place_edits_of_a_graph_are_refused),
      TEST(nothing_is_recorded_without_need),
      TEST(wrong_starts_are_refused),
      TEST(a_failed_backward_marks_what_it_touched),
      TEST(an_interrupt_stops_backward),
      TEST(a_deep_graph_needs_no_stack),
      TEST(cycles_of_training_do_not_grow),
      TEST(shapes_pass_through_meta),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
