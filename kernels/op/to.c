/* to: conversion to another dtype.  Its gradient is converted back. */
#include "core/tensor/pool.h"
#include "core/tensor/run.h"

enum { DTYPE };

enum { CHUNK = 1 << 15 };

typedef struct conversion {
  char *to;
  const char *from;
  gt_dtype to_dtype, from_dtype;
} conversion;

static gt_status infer(gt_call *c) {
  const gt_spec *x = &c->in_spec[0];
  return gt_out_spec(c, 0, (gt_dtype)c->attr[DTYPE].i, x->ndim, x->shape);
}

static void convert(void *argument, int64_t begin, int64_t end) {
  const conversion *v = argument;
  gt_convert(v->to + begin * (int64_t)gt_dtype_size(v->to_dtype), v->to_dtype,
             v->from + begin * (int64_t)gt_dtype_size(v->from_dtype), v->from_dtype, end - begin);
}

static gt_status forward(gt_call *c) {
  conversion v = {gt_data(c->out[0]), gt_data(c->in[0]), c->out[0]->dtype, c->in[0]->dtype};
  gt_parallel(c->cx, gt_count(c->in[0]), CHUNK, convert, &v);
  return GT_OK;
}

static gt_status rule(gt_call *c) {
  return gt_apply1(c->cx, "to", c->gout[0], GT_ARGS({"dtype", GT_INT(c->in_spec[0].dtype)}),
                   &c->gin[0]);
}

static const gt_setting attrs[] = {
    [DTYPE] = {"dtype", GT_SETTING_DTYPE, .required = true, .doc = "dtype of the result"},
};

const gt_op gt_op_to = {
    .name = "to",
    .doc =
        "x converted to dtype; floats to integers drop the fraction, out of range gives the lowest",
    .inputs = "x",
    .where = "method",
    .nin = 1,
    .nout = 1,
    .compute = GT_BYTES,
    .differentiable = 1,
    .attrs = attrs,
    .attr_count = GT_COUNT(attrs),
    .infer = infer,
    .forward = forward,
    .rule = rule,
};
