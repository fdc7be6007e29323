/* clip.h: what is done to all gradients at once: their common norm, clipping, the search for one
 * that is not finite. */
#ifndef GT_CLIP_H
#define GT_CLIP_H

#include "core/tensor/tensor.h"

/* sqrt of the sum of the squares of all elements of all tensors, summed in f64; nan or inf when an
 * element is.  Same bits for any number of threads.  Float tensors of one device, which adds them
 * up: only the sum is read. */
gt_status gt_global_norm(gt_ctx *cx, gt_tensor *const *tensors, int count, double *norm);

/* Multiplies every tensor by `factor`, in place, where it is.  When it fails, nothing was changed
 * if all are contiguous and on the host; otherwise some may be scaled: gradients to be dropped. */
gt_status gt_scale_all(gt_ctx *cx, gt_tensor *const *tensors, int count, double factor);

/* PyTorch's clip_grad_norm_: multiplies by limit / (norm + 1e-6) when that is below 1.  Answers the
 * norm before clipping; tensors whose norm is not finite stay as they are. */
gt_status gt_clip(gt_ctx *cx, gt_tensor *const *tensors, int count, double limit, double *norm);

/* Position of the first tensor with an element that is nan or infinite, -1 when there is none. */
gt_status gt_first_nonfinite(gt_ctx *cx, gt_tensor *const *tensors, int count, int *first);

#endif
