/* toy.h: a small op table for the tests of core/tensor, one op for each thing a descriptor can say.
 * Kernels go element by element through double: they are here to be seen through. */
#ifndef TOY_H
#define TOY_H

#include "core/tensor/allocator.h"
#include "core/tensor/graph.h"
#include "core/tensor/level.h"
#include "core/tensor/pool.h"
#include "core/tensor/rng.h"
#include "core/tensor/run.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static double get(const gt_tensor *t, int64_t i) {
  const char *at = (const char *)gt_data(t) + i * (int64_t)gt_dtype_size(t->dtype);
  return gt_load_scalar(at, t->dtype).f;
}

static void put(gt_tensor *t, int64_t i, double x) {
  char *at = (char *)gt_data(t) + i * (int64_t)gt_dtype_size(t->dtype);
  gt_store_scalar(at, t->dtype, gt_scalar_real(x));
}

static void put_gradient(const gt_call *c, int i, int64_t at, double x) {
  if (c->want[i]) put(c->gin[i], at, c->accumulate[i] ? get(c->gin[i], at) + x : x);
}

/* Element i of an input that broadcasts from one element. */
static double wide(const gt_tensor *t, int64_t i) { return get(t, gt_count(t) == 1 ? 0 : i); }

static gt_status toy_infer_binary(gt_call *c) {
  return gt_out_broadcast(c, 0, 0, 1, gt_result_type(c, 3));
}

static gt_status toy_add(gt_call *c) {
  for (int64_t i = 0; i < gt_count(c->out[0]); i++)
    put(c->out[0], i, wide(c->in[0], i) + wide(c->in[1], i));
  return GT_OK;
}

static gt_status toy_add_rule(gt_call *c) {
  for (int i = 0; i < 2; i++) {
    if (c->want[i]) c->gin[i] = gt_tensor_ref(c->gout[0]);
  }
  return GT_OK;
}

static const gt_op toy_op_add = {.name = "add",
                                 .inputs = "a, b",
                                 .nin = 2,
                                 .nout = 1,
                                 .compute = GT_NUMBERS,
                                 .numeric = 3,
                                 .differentiable = 3,
                                 .elementwise = true,
                                 .infer = toy_infer_binary,
                                 .forward = toy_add,
                                 .rule = toy_add_rule};

static gt_status toy_mul(gt_call *c) {
  for (int64_t i = 0; i < gt_count(c->out[0]); i++)
    put(c->out[0], i, wide(c->in[0], i) * wide(c->in[1], i));
  return GT_OK;
}

static gt_status toy_mul_rule(gt_call *c) {
  for (int i = 0; i < 2; i++) {
    if (c->want[i]) GT_TRY(gt_apply2(c->cx, "mul", c->gout[0], c->in[1 - i], NULL, &c->gin[i]));
  }
  return GT_OK;
}

static const gt_op toy_op_mul = {.name = "mul",
                                 .inputs = "a, b",
                                 .nin = 2,
                                 .nout = 1,
                                 .compute = GT_NUMBERS,
                                 .numeric = 3,
                                 .differentiable = 3,
                                 .save_in = 3,
                                 .elementwise = true,
                                 .infer = toy_infer_binary,
                                 .forward = toy_mul,
                                 .rule = toy_mul_rule};

/* exp: saves its output. */
static gt_status toy_infer_same(gt_call *c) { return gt_out_like(c, 0, 0); }

static gt_status toy_exp(gt_call *c) {
  for (int64_t i = 0; i < gt_count(c->out[0]); i++) put(c->out[0], i, exp(get(c->in[0], i)));
  return GT_OK;
}

static gt_status toy_exp_rule(gt_call *c) {
  return gt_apply2(c->cx, "mul", c->gout[0], c->out[0], NULL, &c->gin[0]);
}

static const gt_op toy_op_exp = {.name = "exp",
                                 .inputs = "x",
                                 .nin = 1,
                                 .nout = 1,
                                 .compute = GT_REALS,
                                 .numeric = 1,
                                 .differentiable = 1,
                                 .save_out = 1,
                                 .elementwise = true,
                                 .infer = toy_infer_same,
                                 .forward = toy_exp,
                                 .rule = toy_exp_rule};

/* total: x -> sum of its squares times `scale`; a fused op with a backward kernel. */
enum { TOY_SCALE, TOY_MODE };
static const gt_setting toy_total_attrs[] = {
    {.name = "scale", .type = GT_SETTING_FLOAT, .preset = GT_FLOAT(1)},
    {.name = "mode", .type = GT_SETTING_CHOICE, .choices = "plain|odd", .preset = GT_INT(0)},
};

static gt_status toy_infer_total(gt_call *c) {
  return gt_out_spec(c, 0, c->in_spec[0].dtype, 0, NULL);
}

static gt_status toy_total(gt_call *c) {
  double sum = 0;
  for (int64_t i = 0; i < gt_count(c->in[0]); i++) sum += get(c->in[0], i) * get(c->in[0], i);
  put(c->out[0], 0, sum * c->attr[TOY_SCALE].f);
  return GT_OK;
}

static gt_status toy_total_backward(gt_call *c) {
  for (int64_t i = 0; i < gt_count(c->in[0]); i++)
    put_gradient(c, 0, i, 2 * get(c->in[0], i) * c->attr[TOY_SCALE].f * get(c->gout[0], 0));
  return GT_OK;
}

static const gt_op toy_op_total = {.name = "total",
                                   .inputs = "x",
                                   .nin = 1,
                                   .nout = 1,
                                   .compute = GT_REALS,
                                   .numeric = 1,
                                   .differentiable = 1,
                                   .save_in = 1,
                                   .attrs = toy_total_attrs,
                                   .attr_count = GT_COUNT(toy_total_attrs),
                                   .infer = toy_infer_total,
                                   .forward = toy_total,
                                   .backward = toy_total_backward};

/* fuse: a^2 b + bias; a fused op of three inputs, one of them optional. */
static gt_status toy_fuse(gt_call *c) {
  for (int64_t i = 0; i < gt_count(c->out[0]); i++) {
    double a = get(c->in[0], i), b = get(c->in[1], i);
    put(c->out[0], i, a * a * b + (c->in[2] != NULL ? get(c->in[2], i) : 0));
  }
  return GT_OK;
}

/* Reads all it adds to before it writes, as vector code may: gradients must not share memory. */
static gt_status toy_fuse_backward(gt_call *c) {
  for (int64_t i = 0; i < gt_count(c->gout[0]); i++) {
    double a = get(c->in[0], i), b = get(c->in[1], i), g = get(c->gout[0], i);
    double sum[3] = {2 * a * b * g, a * a * g, g};
    for (int k = 0; k < 3; k++) sum[k] += c->accumulate[k] ? get(c->gin[k], i) : 0;
    for (int k = 0; k < 3; k++) {
      if (c->want[k]) put(c->gin[k], i, sum[k]);
    }
  }
  return GT_OK;
}

static const gt_op toy_op_fuse = {.name = "fuse",
                                  .inputs = "a, b, bias?",
                                  .nin = 3,
                                  .nout = 1,
                                  .compute = GT_REALS,
                                  .numeric = 7,
                                  .differentiable = 7,
                                  .save_in = 3,
                                  .infer = toy_infer_same,
                                  .forward = toy_fuse,
                                  .backward = toy_fuse_backward};

/* spread: y = x s with s the sum of x; s is a hidden output, which backward reads. */
static gt_status toy_infer_spread(gt_call *c) {
  GT_TRY(gt_out_like(c, 0, 0));
  return gt_out_spec(c, 1, c->in_spec[0].dtype, 0, NULL);
}

static gt_status toy_spread(gt_call *c) {
  double sum = 0;
  for (int64_t i = 0; i < gt_count(c->in[0]); i++) sum += get(c->in[0], i);
  for (int64_t i = 0; i < gt_count(c->in[0]); i++) put(c->out[0], i, get(c->in[0], i) * sum);
  put(c->out[1], 0, sum);
  return GT_OK;
}

static gt_status toy_spread_backward(gt_call *c) {
  double dot = 0;
  for (int64_t i = 0; i < gt_count(c->in[0]); i++) dot += get(c->in[0], i) * get(c->gout[0], i);
  for (int64_t i = 0; i < gt_count(c->in[0]); i++)
    put_gradient(c, 0, i, get(c->out[1], 0) * get(c->gout[0], i) + dot);
  return c->gout[1] == NULL ? GT_OK : GT_EARG;
}

static const gt_op toy_op_spread = {.name = "spread",
                                    .inputs = "x",
                                    .nin = 1,
                                    .nout = 2,
                                    .hidden = 1,
                                    .compute = GT_REALS,
                                    .numeric = 1,
                                    .differentiable = 1,
                                    .save_in = 1,
                                    .save_out = 2,
                                    .infer = toy_infer_spread,
                                    .forward = toy_spread,
                                    .backward = toy_spread_backward};

/* gather: the sum of any number of tensors; variadic. */
static gt_status toy_gather(gt_call *c) {
  for (int64_t i = 0; i < gt_count(c->out[0]); i++) {
    double sum = 0;
    for (int k = 0; k < c->nin; k++) sum += get(c->in[k], i);
    put(c->out[0], i, sum);
  }
  return GT_OK;
}

static gt_status toy_gather_backward(gt_call *c) {
  for (int k = 0; k < c->nin; k++) {
    for (int64_t i = 0; i < gt_count(c->gout[0]); i++) put_gradient(c, k, i, get(c->gout[0], i));
  }
  return GT_OK;
}

static const gt_op toy_op_gather = {.name = "gather",
                                    .inputs = "tensors...",
                                    .nin = -1,
                                    .nout = 1,
                                    .compute = GT_REALS,
                                    .numeric = 1,
                                    .differentiable = 1,
                                    .infer = toy_infer_same,
                                    .forward = toy_gather,
                                    .backward = toy_gather_backward};

/* flat: a view with one dimension. */
static gt_status toy_flat(gt_call *c, gt_tensor **out) {
  if (c->in[0]->ndim == 1) {
    *out = gt_tensor_ref(c->in[0]);
    return GT_OK;
  }
  int64_t n = gt_count(c->in[0]), one = 1;
  return gt_tensor_view(c->cx, c->in[0], 1, &n, &one, c->in[0]->offset, out);
}

static gt_status toy_flat_rule(gt_call *c) {
  const gt_spec *x = &c->in_spec[0];
  int64_t stride[GT_MAX_DIM], step = 1;
  for (int d = x->ndim - 1; d >= 0; d--) {
    stride[d] = step;
    step *= x->shape[d];
  }
  gt_tensor *g = NULL;
  GT_TRY(gt_contiguous(c->cx, c->gout[0], &g));
  gt_status status = gt_tensor_view(c->cx, g, x->ndim, x->shape, stride, g->offset, &c->gin[0]);
  gt_tensor_unref(c->cx, g);
  return status;
}

static const gt_op toy_op_flat = {.name = "flat",
                                  .inputs = "x",
                                  .nin = 1,
                                  .nout = 1,
                                  .differentiable = 1,
                                  .view = toy_flat,
                                  .rule = toy_flat_rule};

/* descend: p -= lr g, in place. */
static const gt_setting toy_descend_attrs[] = {
    {.name = "lr", .type = GT_SETTING_FLOAT, .required = true},
};

static gt_status toy_infer_nothing(gt_call *c) {
  (void)c;
  return GT_OK;
}

static gt_status toy_descend(gt_call *c) {
  for (int64_t i = 0; i < gt_count(c->in[0]); i++)
    put(c->in[0], i, get(c->in[0], i) - c->attr[0].f * get(c->in[1], i));
  return GT_OK;
}

static const gt_op toy_op_descend = {.name = "descend",
                                     .inputs = "p, g",
                                     .nin = 2,
                                     .nout = 0,
                                     .compute = GT_REALS,
                                     .numeric = 3,
                                     .writes = 1,
                                     .attrs = toy_descend_attrs,
                                     .attr_count = GT_COUNT(toy_descend_attrs),
                                     .infer = toy_infer_nothing,
                                     .forward = toy_descend};

/* less: a bool result. */
static gt_status toy_infer_less(gt_call *c) { return gt_out_broadcast(c, 0, 0, 1, GT_BOOL); }

static gt_status toy_less(gt_call *c) {
  for (int64_t i = 0; i < gt_count(c->out[0]); i++)
    put(c->out[0], i, wide(c->in[0], i) < wide(c->in[1], i));
  return GT_OK;
}

static const gt_op toy_op_less = {.name = "less",
                                  .inputs = "a, b",
                                  .nin = 2,
                                  .nout = 1,
                                  .compute = GT_NUMBERS,
                                  .numeric = 3,
                                  .infer = toy_infer_less,
                                  .forward = toy_less};

/* stop: somebody presses Ctrl-C while it runs. */
static gt_status toy_stop(gt_call *c) {
  gt_interrupt(c->cx);
  return toy_exp(c);
}

static const gt_op toy_op_stop = {.name = "stop",
                                  .inputs = "x",
                                  .nin = 1,
                                  .nout = 1,
                                  .compute = GT_REALS,
                                  .numeric = 1,
                                  .elementwise = true,
                                  .infer = toy_infer_same,
                                  .forward = toy_stop};

/* broken: its kernel fails after the first element. */
static gt_status toy_broken_backward(gt_call *c) {
  put_gradient(c, 0, 0, 1);
  return gt_fail(c->cx, GT_EDEVICE, "broken: this gradient always fails");
}

static const gt_op toy_op_broken = {.name = "broken",
                                    .inputs = "x",
                                    .nin = 1,
                                    .nout = 1,
                                    .compute = GT_REALS,
                                    .numeric = 1,
                                    .differentiable = 1,
                                    .infer = toy_infer_same,
                                    .forward = toy_exp,
                                    .backward = toy_broken_backward};

static const gt_op *const toy_ops[] = {
    &toy_op_add,  &toy_op_mul,     &toy_op_exp,  &toy_op_total,  &toy_op_fuse, &toy_op_gather,
    &toy_op_flat, &toy_op_descend, &toy_op_less, &toy_op_broken, &toy_op_stop, &toy_op_spread,
};

/* ---- helpers ---- */

/* A context per test, in *state; the teardown checks that nothing is alive any more. */
static inline int open_context(void **state) {
  gt_ctx *cx = NULL;
  const gt_cpu_level *level = gt_cpu_level_best();
  gt_config config = {
      .cpu = level->cpu, .ops = toy_ops, .op_count = GT_COUNT(toy_ops), .threads = 2};
  if (gt_ctx_new(&config, &cx)) return -1;
  *state = cx;
  return 0;
}

/* n elements by the backend's copy. */
static inline void convert(gt_ctx *cx, void *to, gt_dtype to_dtype, const void *from,
                           gt_dtype from_dtype, int64_t n) {
  int64_t one = 1;
  assert_int_equal(gt_move(cx, cx->cpu, 1, &n, to, to_dtype, &one, from, from_dtype, &one), GT_OK);
}

static inline int close_context(void **state) {
  gt_ctx *cx = *state;
  size_t live = gt_memory(cx, cx->cpu).live;
  gt_ctx_free(cx);
  if (live > 0) print_error("%zu bytes still alive\n", live);
  return live > 0 ? -1 : 0;
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, open_context, close_context)

#define ok(expression) assert_status(cx, (expression), GT_OK, "", #expression, __FILE__, __LINE__)
/* The call fails with this status and a message that contains `text`. */
#define fails(expression, status, text)                                                            \
  assert_status(cx, (expression), (status), (text), #expression, __FILE__, __LINE__)

static void assert_status(gt_ctx *cx, gt_status got, gt_status expected, const char *text,
                          const char *expression, const char *file, int line) {
  if (got == expected && (expected == GT_OK || strstr(cx->message, text) != NULL)) return;
  print_error("%s: status %d (%s), expected %d with \"%s\"\n", expression, got, cx->message,
              expected, text);
  _fail(file, line);
}

/* A contiguous tensor with these values; ndim 0, 1 or 2 by shape (0 ends it). */
static gt_tensor *make(gt_ctx *cx, gt_dtype dtype, int64_t rows, int64_t columns,
                       const double *values) {
  int64_t shape[2] = {rows, columns};
  gt_spec spec = gt_spec_make(dtype, rows == 0 ? 0 : columns == 0 ? 1 : 2, shape);
  gt_tensor *t = NULL;
  ok(gt_tensor_new(cx, &spec, cx->cpu, &t));
  for (int64_t i = 0; i < gt_count(t); i++) put(t, i, values[i]);
  return t;
}

static inline gt_tensor *leaf(gt_ctx *cx, gt_dtype dtype, int64_t n, const double *values) {
  gt_tensor *t = make(cx, dtype, n, 0, values);
  t->requires_grad = true;
  return t;
}

static inline gt_tensor *apply1(gt_ctx *cx, const char *op, gt_tensor *a) {
  gt_tensor *out = NULL;
  ok(gt_apply1(cx, op, a, NULL, &out));
  return out;
}

static inline gt_tensor *apply2(gt_ctx *cx, const char *op, gt_tensor *a, gt_tensor *b) {
  gt_tensor *out = NULL;
  ok(gt_apply2(cx, op, a, b, NULL, &out));
  return out;
}

static inline void drop(gt_ctx *cx, int count, gt_tensor **tensors) {
  for (int i = 0; i < count; i++) gt_tensor_unref(cx, tensors[i]);
}
#define DROP(...) drop(cx, GT_COUNT(((gt_tensor *[]){__VA_ARGS__})), (gt_tensor *[]){__VA_ARGS__})

/* Element i of any tensor, read as a user reads it. */
static inline double at(gt_ctx *cx, gt_tensor *t, int64_t i) {
  double values[64];
  assert_non_null(t);
  assert_true(gt_count(t) <= 64 && i < gt_count(t));
  ok(gt_read(cx, t, GT_F64, values));
  return values[i];
}

#define assert_number(got, expected)                                                               \
  do {                                                                                             \
    double got_ = (got), expected_ = (expected);                                                   \
    if (!(got_ == expected_))                                                                      \
      print_error("%s: expected %.17g, got %.17g\n", #got, expected_, got_);                       \
    assert_true(got_ == expected_);                                                                \
  } while (0)

#endif
