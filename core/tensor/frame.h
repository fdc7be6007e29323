/* frame.h: composites of ops, written as the formula.
 *
 *   static gt_status forward(gt_ctx *cx, gt_tensor *x, gt_tensor *w, gt_tensor **out) {
 *     gt_frame f = {.cx = cx};
 *     gt_tensor *h = gt_op2(&f, "matmul", x, w);
 *     h = gt_op1(&f, "silu", gt_last(&f, h));
 *     return gt_frame_return(&f, gt_op2(&f, "add", x, h), out);
 *   }
 *
 * A frame holds one reference to every tensor that is made in it and releases all of them at its
 * end, so what these functions return is borrowed from the frame.  After the first failure each of
 * them does nothing and returns NULL; the end returns the status of that failure.
 *
 * gt_last(&f, x), around an argument, says that x is used for the last time: the call releases it
 * once it has its result, or writes over it where it can.  That is what keeps the memory of a long
 * forward small.  Tensors that are not of the frame are left alone.  A tensor marked so must not be
 * in another argument of the same statement, nor be used after it: tests/lint.lua looks for that.
 */
#ifndef GT_FRAME_H
#define GT_FRAME_H

#include "core/tensor/run.h"

#define GT_MAX_KEPT 32

typedef struct gt_frame {
  gt_ctx *cx;
  gt_status status;
  int count;
  unsigned last; /* bit k: the next use of kept[k] is its last */
  gt_tensor *kept[GT_MAX_KEPT];
} gt_frame;

/* ---- ops ---- */
gt_tensor *gt_op1(gt_frame *f, const char *op, gt_tensor *a);
gt_tensor *gt_op2(gt_frame *f, const char *op, gt_tensor *a, gt_tensor *b);
gt_tensor *gt_op3(gt_frame *f, const char *op, gt_tensor *a, gt_tensor *b, gt_tensor *c);
gt_tensor *gt_op1_with(gt_frame *f, const char *op, gt_tensor *a, const gt_arg *args);
gt_tensor *gt_op2_with(gt_frame *f, const char *op, gt_tensor *a, gt_tensor *b, const gt_arg *args);
gt_tensor *gt_op3_with(gt_frame *f, const char *op, gt_tensor *a, gt_tensor *b, gt_tensor *c,
                       const gt_arg *args);
/* op(a, b) with a wrapped number for b, so that a keeps its dtype. */
gt_tensor *gt_op_number(gt_frame *f, const char *op, gt_tensor *a, double b);
/* a with another shape. */
gt_tensor *gt_reshape(gt_frame *f, gt_tensor *a, int ndim, const int64_t *shape);

/* ---- tensors that no op makes ---- */
gt_tensor *gt_number(gt_frame *f, double value); /* wrapped, for ops that take a number first */
gt_tensor *gt_whole(gt_frame *f, int64_t value);
gt_tensor *gt_new(gt_frame *f, const gt_spec *spec, const gt_backend *device); /* uninitialised */
/* Another geometry of the same storage; not recorded in the graph. */
gt_tensor *gt_view(gt_frame *f, gt_tensor *a, int ndim, const int64_t *shape, const int64_t *stride,
                   int64_t offset);
/* A contiguous copy with memory of its own; not recorded either. */
gt_tensor *gt_copy_of(gt_frame *f, gt_tensor *a, gt_dtype dtype, const gt_backend *device);

/* ---- life ---- */
gt_tensor *gt_last(gt_frame *f, gt_tensor *a); /* returns a */
/* Returns a, which was not used after all: for functions that may hand their argument on. */
gt_tensor *gt_pass(gt_frame *f, gt_tensor *a);

/* For functions that make a tensor some other way: the frame takes ownership of `made`, which it
 * returns (NULL stays NULL) ... */
gt_tensor *gt_keep(gt_frame *f, gt_tensor *made);
/* ... and has seen the use of an argument: released if that was the last one. */
void gt_used(gt_frame *f, gt_tensor *a);

void gt_release(gt_frame *f, gt_tensor *a); /* now */

gt_status gt_frame_end(gt_frame *f);
/* The end of a frame with a result: a new reference to it in *out, unless something failed. */
gt_status gt_frame_return(gt_frame *f, gt_tensor *result, gt_tensor **out);

#endif
