/* prepare.h: bringing tensors into the form kernels take and back.  For run.c and backward.c. */
#ifndef GT_PREPARE_H
#define GT_PREPARE_H

#include "core/tensor/op.h"

/* Bit i of a descriptor's mask; for a variadic op, bit 0 applies to every input. */
static inline bool gt_op_bit(const gt_op *op, unsigned mask, int i) {
  return mask >> (op->nin < 0 ? 0 : i) & 1u;
}

/* The dtype in which the kernel reads input i, and in which it writes an output (or the gradient of
 * an input) that is to have `dtype` in the end. */
gt_dtype gt_dtype_of_input(const gt_call *c, int i);
gt_dtype gt_dtype_of_output(const gt_call *c, gt_dtype dtype);

/* Sets dtype and stored by the call's numeric inputs; GT_NDTYPE if there are none. */
void gt_dtype_choose(gt_call *c);
gt_dtype gt_dtype_compute_of(gt_compute compute, gt_dtype dtype);

/* A reference to t itself when it already is contiguous, of this dtype and on this device, else to
 * a converted copy (wrapped if t is).  Not recorded. */
gt_status gt_prepare(gt_ctx *cx, gt_tensor *t, gt_dtype dtype, const gt_backend *device,
                     bool contiguous, gt_tensor **out);

/* The kernel of c->op on c->device, NULL if there is none. */
gt_kernel gt_kernel_find(const gt_call *c, bool backward);
/* The same, or the host's: then the call moves there, it stores what the host computes in, and the
 * caller restores both. */
gt_status gt_kernel_or_fallback(gt_call *c, bool backward, gt_kernel *out);
/* Runs it; on meta takes the scratch memory only. */
gt_status gt_kernel_run(gt_call *c, gt_kernel kernel, bool backward);

#endif
