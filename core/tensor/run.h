/* run.h: executes ops.  The only way to call a kernel. */
#ifndef GT_RUN_H
#define GT_RUN_H

#include "core/tensor/op.h"

/* A keyword argument of a call from C; the list ends with name == NULL. */
typedef struct gt_arg {
  const char *name;
  gt_value value;
} gt_arg;

#define GT_ARGS(...) ((const gt_arg[]){__VA_ARGS__, {.name = NULL}})
/* Runs op on in[0 … nin-1] with a full attribute list (op->attr_count values; NULL: all defaults).
 * Writes gt_op_results(op) new references to out.  Nothing survives a failure.  Records the graph
 * when gradients are enabled and an input needs one. */
gt_status gt_run(gt_ctx *cx, const gt_op *op, gt_tensor *const *in, int nin, const gt_value *attr,
                 gt_tensor **out);

/* In place: computes op and stores its single result in `target` (shape must be the broadcast
 * shape, dtype is kept), which is usually in[0].  Writes through directly where the op is
 * elementwise.  Refused while `target` or an input takes part in a recorded graph. */
gt_status gt_run_into(gt_ctx *cx, const gt_op *op, gt_tensor *const *in, int nin,
                      const gt_value *attr, gt_tensor *target);

/* The same by name with named attributes (NULL: defaults): how everything but the binding calls
 * ops.  Composites of ops are written with core/tensor/frame.h. */
gt_status gt_apply(gt_ctx *cx, const char *op, gt_tensor *const *in, int nin, const gt_arg *args,
                   gt_tensor **out);
gt_status gt_apply_into(gt_ctx *cx, const char *op, gt_tensor *const *in, int nin,
                        const gt_arg *args, gt_tensor *target);

/* *t = op(*t) for an op with one input: releases what was there, or writes over it where no
 * one else can see it. */
gt_status gt_replace(gt_ctx *cx, const char *op, const gt_arg *args, gt_tensor **t);

/* Shorthands for the two commonest shapes of call. */
gt_status gt_apply1(gt_ctx *cx, const char *op, gt_tensor *a, const gt_arg *args, gt_tensor **out);
gt_status gt_apply2(gt_ctx *cx, const char *op, gt_tensor *a, gt_tensor *b, const gt_arg *args,
                    gt_tensor **out);

#endif
