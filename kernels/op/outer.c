/* outer: y[i][j] = a[i] b[j].  da = dy b, db = dy^T a. */
#ifndef real
#include "kernels/cpu/cpu.h"
#include "kernels/op/rule.h"

enum { A, B };
enum { GRAIN = 32768 };

typedef struct product {
  const void *a, *b;
  void *y;
  int64_t columns;
} product;

#define GT_TYPED_I64
#include "kernels/op/typed.h"

static gt_status infer(gt_call *c) {
  const gt_spec *a = &c->in_spec[A], *b = &c->in_spec[B];
  if (a->ndim != 1 || b->ndim != 1) {
    char a_text[GT_SHAPE_TEXT], b_text[GT_SHAPE_TEXT];
    return gt_fail(c->cx, GT_ESHAPE, "outer: expected two 1-d tensors, got %s and %s",
                   gt_shape_text(a, a_text), gt_shape_text(b, b_text));
  }
  return gt_out_spec(c, 0, gt_result_type(c, 3), 2, (int64_t[]){a->shape[0], b->shape[0]});
}

static gt_status forward(gt_call *c) {
  product p = {gt_data(c->in[A]), gt_data(c->in[B]), gt_data(c->out[0]), c->spec[0].shape[1]};
  if (gt_count(c->out[0]) == 0) return GT_OK;
  gt_parallel(c->cx, c->spec[0].shape[0], GRAIN / p.columns + 1, GT_PICK(c, multiply_rows), &p);
  return GT_OK;
}

static gt_status rule(gt_call *c) {
  gt_frame f = {.cx = c->cx};
  gt_tensor *g = c->gout[0];
  if (c->want[A]) {
    gt_tensor *b = gt_op1_with(&f, "to", c->in[B], GT_ARGS({"dtype", GT_INT(g->dtype)}));
    gt_give(&f, c, A, gt_op2(&f, "matmul", g, b));
  }
  if (c->want[B]) {
    gt_tensor *a = gt_op1_with(&f, "to", c->in[A], GT_ARGS({"dtype", GT_INT(g->dtype)}));
    gt_give(&f, c, B, gt_op2(&f, "matmul", a, g));
  }
  return gt_frame_end(&f);
}

const gt_op gt_op_outer = {
    .name = "outer",
    .doc = "y[i][j] = a[i] b[j]",
    .inputs = "a, b",
    .where = "method",
    .nin = 2,
    .nout = 1,
    .compute = GT_NUMBERS,
    .numeric = 3,
    .differentiable = 3,
    .save_in = 3,
    .save_crossed = 3,
    .infer = infer,
    .forward = forward,
    .rule = rule,
};

#else
static void T(multiply_rows)(void *argument, int64_t begin, int64_t end) {
  const product *p = argument;
  const real *a = p->a, *b = p->b;
  for (int64_t i = begin; i < end; i++) {
    real *y = (real *)p->y + i * p->columns;
    GT_IVDEP for (int64_t j = 0; j < p->columns; j++) y[j] = T(gt_times)(a[i], b[j]);
  }
}
#endif
