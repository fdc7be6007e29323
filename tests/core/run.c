/* Tests of executing ops, in place and not, and of copies. */
#include "tests/core/toy.h"

static gt_tensor *number(gt_ctx *cx, gt_dtype dtype, double f, int64_t i) {
  gt_tensor *t = NULL;
  ok(gt_tensor_scalar(cx, dtype, f, i, &t));
  return t;
}

/* Rows of (left dtype, right dtype, right is a plain number, result). */
static void numbers_promote_as_in_pytorch(void **state) {
  gt_ctx *cx = *state;
  const struct {
    gt_dtype left, right;
    bool plain;
    gt_dtype result;
  } rows[] = {
      {GT_F32, GT_F64, true, GT_F32},    {GT_BF16, GT_F64, true, GT_BF16},
      {GT_I32, GT_F64, true, GT_F32},    {GT_I32, GT_I64, true, GT_I32},
      {GT_BOOL, GT_I64, true, GT_I64},   {GT_U8, GT_I64, true, GT_U8},
      {GT_BOOL, GT_BOOL, true, GT_BOOL}, {GT_F16, GT_I64, true, GT_F16},
      {GT_F32, GT_F64, false, GT_F64},   {GT_I32, GT_I64, false, GT_I64},
      {GT_BF16, GT_F32, false, GT_F32},  {GT_F64, GT_F64, true, GT_F64},
  };
  for (int r = 0; r < GT_COUNT(rows); r++) {
    gt_tensor *a = make(cx, rows[r].left, 1, 0, (double[]){1});
    gt_tensor *b = rows[r].plain ? number(cx, rows[r].right, 1, 1)
                                 : make(cx, rows[r].right, 1, 0, (double[]){1});
    gt_tensor *c = apply2(cx, "add", a, b), *d = apply2(cx, "add", b, a);
    assert_int_equal(c->dtype, rows[r].result);
    assert_int_equal(d->dtype, rows[r].result);
    assert_number(at(cx, c, 0), rows[r].result == GT_BOOL ? 1 : 2);
    assert_false(c->wrapped);
    DROP(a, b, c, d);
  }
  /* A 0-d tensor counts less than one with dimensions, more than a number. */
  gt_tensor *a = make(cx, GT_F32, 1, 0, (double[]){1}), *b = make(cx, GT_F64, 0, 0, (double[]){1});
  gt_tensor *n = number(cx, GT_F64, 1, 0), *c = apply2(cx, "add", a, b),
            *d = apply2(cx, "add", b, n);
  assert_int_equal(c->dtype, GT_F32);
  assert_int_equal(d->dtype, GT_F64);
  DROP(a, b, n, c, d);
}

/* 1 + 2^-8 is no bf16, so 1.0078125^2 differs when it is rounded on the way. */
static void halves_are_computed_in_f32(void **state) {
  gt_ctx *cx = *state;
  gt_tensor *h = make(cx, GT_BF16, 1, 0, (double[]){1.0078125}),
            *k = number(cx, GT_F64, 1.00390625, 0);
  gt_tensor *y = apply2(cx, "mul", h, k);
  assert_int_equal(y->dtype, GT_BF16);
  assert_number(at(cx, y, 0), gt_from_bf16(gt_to_bf16(1.0078125f * 1.00390625f)));
  gt_tensor *i8 = make(cx, GT_I8, 1, 0, (double[]){100}), *sum = apply2(cx, "add", i8, i8);
  assert_int_equal(sum->dtype, GT_I8);
  assert_number(at(cx, sum, 0), -56); /* wraps at the end, not before */
  gt_tensor *x = make(cx, GT_F16, 2, 0, (double[]){1, 3}), *less = apply2(cx, "less", x, h);
  assert_int_equal(less->dtype, GT_BOOL);
  assert_int_equal(less->storage->bytes, 2);
  assert_number(at(cx, less, 0), 1);
  assert_number(at(cx, less, 1), 0);
  DROP(h, k, y, i8, sum, x, less);
}

static void strided_inputs_are_made_contiguous(void **state) {
  gt_ctx *cx = *state;
  gt_tensor *x = make(cx, GT_F32, 2, 3, (double[]){1, 2, 3, 4, 5, 6}), *t = NULL;
  int64_t shape[2] = {3, 2}, stride[2] = {1, 3};
  ok(gt_tensor_view(cx, x, 2, shape, stride, 0, &t));
  gt_tensor *y = apply2(cx, "mul", t, t);
  const double expected[6] = {1, 16, 4, 25, 9, 36};
  for (int i = 0; i < 6; i++) assert_number(at(cx, y, i), expected[i]);
  DROP(x, t, y);
}

static void attributes_are_checked(void **state) {
  gt_ctx *cx = *state;
  gt_tensor *x = make(cx, GT_F64, 1, 0, (double[]){3}), *y = NULL;
  ok(gt_apply1(cx, "total", x, NULL, &y));
  assert_number(at(cx, y, 0), 9); /* the default */
  gt_tensor_unref(cx, y);
  ok(gt_apply1(cx, "total", x, GT_ARGS({"scale", GT_FLOAT(2)}), &y));
  assert_number(at(cx, y, 0), 18);
  gt_tensor_unref(cx, y);
  y = NULL;
  fails(gt_apply1(cx, "total", x, GT_ARGS({"scael", GT_FLOAT(2)}), &y), GT_EARG,
        "total: there is no attribute 'scael'");
  fails(gt_apply1(cx, "totla", x, NULL, &y), GT_EARG, "totla: there is no such op");
  fails(gt_apply2(cx, "descend", x, x, NULL, NULL), GT_EARG,
        "descend: expected a value for 'lr', got none");
  assert_null(y);
  gt_tensor_unref(cx, x);
}

static void inputs_are_checked(void **state) {
  gt_ctx *cx = *state;
  gt_tensor *x = make(cx, GT_F32, 2, 0, (double[]){1, 2}), *y = NULL, *meta = NULL;
  gt_tensor *wrong = make(cx, GT_F32, 2, 3, (double[]){1, 2, 3, 4, 5, 6});
  fails(gt_apply1(cx, "fuse", x, NULL, &y), GT_EARG,
        "fuse: expected a tensor for input 2 (b), got none");
  gt_tensor *many[4] = {x, x, x, x};
  fails(gt_apply(cx, "fuse", many, 4, NULL, &y), GT_EARG, "expected at most 3 tensors, got 4");
  fails(gt_apply(cx, "gather", many, 0, NULL, &y), GT_EARG, "at least one tensor, got none");
  many[1] = NULL;
  fails(gt_apply(cx, "gather", many, 4, NULL, &y), GT_EARG,
        "gather: expected a tensor for input 2");
  fails(gt_apply2(cx, "add", x, wrong, NULL, &y), GT_ESHAPE,
        "add: the size of tensor a (2) must match the size of tensor b (3) at non-singleton "
        "dimension 1 [a: (2), b: (2, 3)]");
  gt_spec spec = gt_spec_of(x);
  ok(gt_tensor_new(cx, &spec, &gt_backend_meta, &meta));
  fails(gt_apply2(cx, "add", x, meta, NULL, &y), GT_EDEVICE,
        "add: expected tensors on one device, got cpu and meta");
  gt_tensor *half = number(cx, GT_F64, 0.5, 0), *meta_half = NULL;
  spec = gt_spec_make(GT_BF16, 0, NULL);
  ok(gt_tensor_new(cx, &spec, &gt_backend_meta, &meta_half));
  ok(gt_apply2(cx, "add", meta_half, half, NULL, &y));
  assert_int_equal(y->dtype, GT_BF16); /* it stays a number there */
  DROP(y, meta_half);
  ok(gt_apply2(cx, "add", meta, half, NULL, &y)); /* a number follows the tensor */
  assert_ptr_equal(gt_device_of(y), &gt_backend_meta);
  gt_tensor_unref(cx, y);
  ok(gt_apply2(cx, "fuse", x, x, NULL, &y)); /* the third is optional */
  assert_number(at(cx, y, 1), 8);
  DROP(x, y, wrong, meta, half);
}

static void in_place_writes_through(void **state) {
  gt_ctx *cx = *state;
  gt_tensor *x = make(cx, GT_F32, 3, 0, (double[]){1, 2, 3}), *k = number(cx, GT_F64, 10, 0);
  void *data = gt_data(x);
  uint64_t before = gt_memory(cx, cx->cpu).allocations;
  gt_tensor *same = make(cx, GT_F32, 3, 0, (double[]){1, 1, 1});
  ok(gt_run_into(cx, &toy_op_add, (gt_tensor *[]){x, same}, 2, NULL, x));
  assert_int_equal(gt_memory(cx, cx->cpu).allocations, before + 1); /* `same` only */
  ok(gt_run_into(cx, &toy_op_mul, (gt_tensor *[]){x, k}, 2, NULL, x));
  assert_ptr_equal(gt_data(x), data);
  /* Only input 0 may be the memory that is written: here the sum goes through a third tensor. */
  before = gt_memory(cx, cx->cpu).allocations;
  ok(gt_run_into(cx, &toy_op_add, (gt_tensor *[]){same, x}, 2, NULL, x));
  assert_int_equal(gt_memory(cx, cx->cpu).allocations, before + 1);
  assert_number(at(cx, x, 2), 41);
  assert_int_equal(x->storage->version, 3);
  DROP(x, k, same);
}

/* x[1:] += x[:-1] reads the old values, as if the right side were computed first. */
static void in_place_on_overlapping_views_is_safe(void **state) {
  gt_ctx *cx = *state;
  gt_tensor *x = make(cx, GT_F64, 4, 0, (double[]){1, 2, 3, 4}), *low = NULL, *high = NULL;
  int64_t three = 3, one = 1;
  ok(gt_tensor_view(cx, x, 1, &three, &one, 0, &low));
  ok(gt_tensor_view(cx, x, 1, &three, &one, 1, &high));
  ok(gt_run_into(cx, &toy_op_add, (gt_tensor *[]){high, low}, 2, NULL, high));
  const double expected[4] = {1, 3, 5, 7};
  for (int i = 0; i < 4; i++) assert_number(at(cx, x, i), expected[i]);
  gt_tensor *ones = make(cx, GT_F64, 3, 0, (double[]){1, 1, 1});
  ok(gt_run_into(cx, &toy_op_add, (gt_tensor *[]){low, ones}, 2, NULL, high));
  const double again[4] = {1, 2, 4, 6};
  for (int i = 0; i < 4; i++) assert_number(at(cx, x, i), again[i]);
  DROP(x, low, high, ones);
}

static void overlapping_copies_read_old_values(void **state) {
  gt_ctx *cx = *state;
  enum { N = 100000 };
  gt_spec spec = gt_spec_make(GT_I64, 1, (int64_t[]){N});
  for (int direction = 0; direction < 2; direction++) {
    gt_tensor *x = NULL, *low = NULL, *high = NULL;
    int64_t length = N - 3, one = 1;
    ok(gt_tensor_new(cx, &spec, cx->cpu, &x));
    int64_t *values = gt_data(x);
    for (int64_t i = 0; i < N; i++) values[i] = i;
    ok(gt_tensor_view(cx, x, 1, &length, &one, 0, &low));
    ok(gt_tensor_view(cx, x, 1, &length, &one, 3, &high));
    ok(direction == 0 ? gt_copy(cx, high, low) : gt_copy(cx, low, high));
    for (int64_t i = 0; i < N; i++) {
      int64_t expected = direction == 0 ? (i < 3 ? i : i - 3) : (i < length ? i + 3 : i);
      assert_int_equal(values[i], expected);
    }
    DROP(x, low, high);
  }
}

static void interrupted_ops_leave_nothing(void **state) {
  gt_ctx *cx = *state;
  gt_tensor *x = make(cx, GT_F32, 1, 0, (double[]){0}), *y = NULL;
  fails(gt_apply1(cx, "stop", x, NULL, &y), GT_EINTR, "interrupted");
  assert_null(y);
  gt_interrupt_clear(cx);
  ok(gt_run_into(cx, &toy_op_stop, &x, 1, NULL, x)); /* in place: ends what it began */
  assert_number(at(cx, x, 0), 1);
  fails(gt_apply1(cx, "exp", x, NULL, &y), GT_EINTR, "interrupted");
  gt_tensor *zeros = NULL; /* what is no op is done whole */
  gt_spec spec = gt_spec_make(GT_F32, 1, (int64_t[]){1 << 20});
  ok(gt_tensor_new(cx, &spec, cx->cpu, &zeros));
  ok(gt_fill_value(cx, zeros, 7));
  assert_true(((float *)gt_data(zeros))[(1 << 20) - 1] == 7);
  gt_tensor_unref(cx, zeros);
  ok(gt_tensor_zeros(cx, &spec, cx->cpu, &zeros));
  assert_true(((float *)gt_data(zeros))[(1 << 20) - 1] == 0);
  gt_interrupt_clear(cx);
  DROP(x, zeros);
}

static void in_place_keeps_dtype_and_shape(void **state) {
  gt_ctx *cx = *state;
  gt_tensor *i = make(cx, GT_I32, 2, 0, (double[]){1, 2}),
            *h = make(cx, GT_BF16, 2, 0, (double[]){1, 2});
  gt_tensor *f = make(cx, GT_F32, 2, 0, (double[]){0.5, 0.5});
  gt_tensor *w = make(cx, GT_F32, 2, 2, (double[]){1, 2, 3, 4}),
            *flag = make(cx, GT_BOOL, 2, 0, (double[]){1, 0});
  fails(gt_run_into(cx, &toy_op_add, (gt_tensor *[]){i, f}, 2, NULL, i), GT_EDTYPE,
        "add_: expected a result that fits int32, got float32");
  fails(gt_run_into(cx, &toy_op_add, (gt_tensor *[]){flag, i}, 2, NULL, flag), GT_EDTYPE,
        "fits bool");
  fails(gt_run_into(cx, &toy_op_add, (gt_tensor *[]){f, w}, 2, NULL, f), GT_ESHAPE,
        "add_: expected a result of shape (2), got (2, 2)");
  gt_tensor *one = make(cx, GT_F32, 1, 0, (double[]){1});
  fails(gt_run_into(cx, &toy_op_add, (gt_tensor *[]){one, f}, 2, NULL, one), GT_ESHAPE,
        "add_: expected a result of shape (1), got (2)");
  fails(gt_run_into(cx, &toy_op_flat, &one, 1, NULL, one), GT_EARG,
        "flat_: this op has no in-place form");
  ok(gt_run_into(cx, &toy_op_add, (gt_tensor *[]){h, f}, 2, NULL, h));
  assert_int_equal(h->dtype, GT_BF16);
  assert_number(at(cx, h, 1), 2.5);
  gt_tensor *wide = NULL;
  ok(gt_tensor_view(cx, one, 1, (int64_t[]){2}, (int64_t[]){0}, 0, &wide));
  fails(gt_run_into(cx, &toy_op_add, (gt_tensor *[]){wide, f}, 2, NULL, wide), GT_EARG,
        "distinct elements, got an expanded tensor");
  DROP(i, h, f, w, flag, one, wide);
}

/* An op that changes its input, which is a column of halves: computed in a copy, stored back. */
static void written_inputs_may_have_any_form(void **state) {
  gt_ctx *cx = *state;
  gt_tensor *base = make(cx, GT_BF16, 2, 2, (double[]){1, 2, 3, 4}), *p = NULL;
  gt_tensor *g = make(cx, GT_F32, 2, 0, (double[]){1, 1});
  ok(gt_tensor_view(cx, base, 1, (int64_t[]){2}, (int64_t[]){2}, 1, &p));
  ok(gt_apply(cx, "descend", (gt_tensor *[]){p, g}, 2, GT_ARGS({"lr", GT_FLOAT(0.5)}), NULL));
  const double expected[4] = {1, 1.5, 3, 3.5};
  for (int i = 0; i < 4; i++) assert_number(at(cx, base, i), expected[i]);
  assert_true(base->storage->version > 0);
  DROP(base, p, g);
}

static void copies_convert_between_all_forms(void **state) {
  gt_ctx *cx = *state;
  const double values[6] = {0, 1, 2, 3, 4, 5};
  for (int a = 0; a < GT_NDTYPE; a++) {
    for (int b = 0; b < GT_NDTYPE; b++) {
      for (int form = 0; form < 4; form++) {
        gt_tensor *from = make(cx, (gt_dtype)a, 3, 2, values),
                  *to = make(cx, (gt_dtype)b, 3, 2, values);
        gt_tensor *x = NULL, *y = NULL;
        int64_t shape[2] = {2, 3}, across[2] = {1, 2}, along[2] = {3, 1};
        ok(gt_tensor_view(cx, from, 2, shape, form & 1 ? across : along, 0, &x));
        ok(gt_tensor_view(cx, to, 2, shape, form & 2 ? across : along, 0, &y));
        ok(gt_copy(cx, y, x));
        double got[6], want[6];
        ok(gt_read(cx, y, GT_F64, got));
        ok(gt_read(cx, x, GT_F64, want));
        bool flags = a == GT_BOOL || b == GT_BOOL;
        for (int i = 0; i < 6; i++) assert_number(got[i], flags ? want[i] != 0 : want[i]);
        DROP(from, to, x, y);
      }
    }
  }
}

static void items_and_reads_are_checked(void **state) {
  gt_ctx *cx = *state;
  gt_tensor *x = make(cx, GT_F32, 2, 0, (double[]){1.5, -2.5}), *one = NULL;
  double f = 0;
  int64_t i = 0;
  fails(gt_item(cx, x, &f, &i), GT_EARG, "item: expected a tensor with 1 element, got (2) with 2");
  ok(gt_tensor_view(cx, x, 0, NULL, NULL, 1, &one));
  ok(gt_item(cx, one, &f, &i));
  assert_true(f == -2.5 && i == -2);
  gt_tensor *large = number(cx, GT_I64, 0, INT64_MAX - 1);
  ok(gt_item(cx, large, NULL, &i));
  assert_true(i == INT64_MAX - 1); /* not by way of a double */
  gt_spec spec = gt_spec_make(GT_F32, 2, (int64_t[]){0, 3});
  gt_tensor *empty = NULL, *nothing = NULL;
  ok(gt_tensor_zeros(cx, &spec, cx->cpu, &empty));
  nothing = apply2(cx, "add", empty, empty);
  assert_int_equal(gt_count(nothing), 0);
  DROP(x, one, large, empty, nothing);
}

static void data_can_be_swapped(void **state) {
  gt_ctx *cx = *state;
  gt_tensor *p = make(cx, GT_F32, 2, 0, (double[]){1, 2}),
            *h = make(cx, GT_BF16, 2, 2, (double[]){5, 6, 7, 8});
  p->parameter = true;
  gt_tensor_assign(cx, p, h);
  assert_true(p->parameter && p->dtype == GT_BF16 && p->ndim == 2 && p->storage == h->storage);
  assert_number(at(cx, p, 3), 8);
  gt_tensor_assign(cx, p, p);
  assert_number(at(cx, p, 3), 8);
  DROP(p, h);
}

static void devices_are_found_by_name(void **state) {
  gt_ctx *cx = *state;
  const gt_backend *device = NULL;
  ok(gt_backend_find(cx, "cpu", &device));
  assert_ptr_equal(device, cx->cpu);
  ok(gt_backend_find(cx, "meta", &device));
  assert_ptr_equal(device, &gt_backend_meta);
  fails(gt_backend_find(cx, "cuda:0", &device), GT_EDEVICE,
        "cuda: this build has no CUDA plug-in (nvcc was not found)");
  fails(gt_backend_find(cx, "tpu", &device), GT_EDEVICE, "expected cpu, cuda or meta, got tpu");
  gt_fail(cx, GT_EARG, "kept");
  assert_int_equal(gt_cuda_count(cx), 0);
  assert_string_equal(cx->message, "kept");
  cx->cuda_library = "/nonexistent/gptsh-cuda.so";
  fails(gt_backend_find(cx, "cuda", &device), GT_EDEVICE, "cuda: cannot open the plug-in");
  cx->cuda_library = "libm.so.6";
  fails(gt_backend_find(cx, "cuda", &device), GT_EDEVICE, "cuda: libm.so.6 is not a plug-in");
  assert_ptr_equal(device, &gt_backend_meta);
}

static void dimensions_are_resolved(void **state) {
  gt_ctx *cx = *state;
  int dim = 9;
  ok(gt_dim_resolve(cx, "sum", -1, 3, &dim));
  assert_int_equal(dim, 2);
  ok(gt_dim_resolve(cx, "sum", 0, 3, &dim));
  assert_int_equal(dim, 0);
  fails(gt_dim_resolve(cx, "sum", 3, 3, &dim), GT_EINDEX,
        "sum: expected a dimension from -3 to 2, got 3");
  fails(gt_dim_resolve(cx, "sum", -4, 3, &dim), GT_EINDEX, "got -4");
  ok(gt_dim_resolve(cx, "sum", -1, 0, &dim)); /* a 0-d tensor answers like one of one dimension */
  assert_int_equal(dim, 0);
  fails(gt_dim_resolve(cx, "sum", 1, 0, &dim), GT_EINDEX,
        "expected a dimension from -1 to 0, got 1");
  assert_int_equal(gt_op_find(cx, "gather"), 5);
  assert_int_equal(gt_op_find(cx, "gathers"), -1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(numbers_promote_as_in_pytorch),
      TEST(halves_are_computed_in_f32),
      TEST(strided_inputs_are_made_contiguous),
      TEST(attributes_are_checked),
      TEST(inputs_are_checked),
      TEST(in_place_writes_through),
      TEST(in_place_on_overlapping_views_is_safe),
      TEST(overlapping_copies_read_old_values),
      TEST(interrupted_ops_leave_nothing),
      TEST(in_place_keeps_dtype_and_shape),
      TEST(written_inputs_may_have_any_form),
      TEST(copies_convert_between_all_forms),
      TEST(items_and_reads_are_checked),
      TEST(data_can_be_swapped),
      TEST(devices_are_found_by_name),
      TEST(dimensions_are_resolved),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
