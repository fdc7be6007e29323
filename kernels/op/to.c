/* to: conversion to another dtype.  Its gradient is converted back. */
#include "core/tensor/run.h"

enum { DTYPE };

static gt_status infer(gt_call *c) {
  const gt_spec *x = &c->in_spec[0];
  return gt_out_spec(c, 0, (gt_dtype)c->attr[DTYPE].i, x->ndim, x->shape);
}

static gt_status forward(gt_call *c) {
  const gt_tensor *x = c->in[0];
  gt_tensor *y = c->out[0];
  return gt_move(c->cx, c->device, x->ndim, x->shape, gt_data(y), y->dtype, y->stride, gt_data(x),
                 x->dtype, x->stride);
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
    .strided = 1,
    .moves = true,
    .differentiable = 1,
    .attrs = attrs,
    .attr_count = GT_COUNT(attrs),
    .infer = infer,
    .forward = forward,
    .rule = rule,
};
