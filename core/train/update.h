/* update.h: arithmetic that optimizers do on parameters in place.  Takes no memory when all tensors
 * have target's dtype. */
#ifndef GT_UPDATE_H
#define GT_UPDATE_H

#include "core/tensor/run.h"

/* target = a + alpha b, in target's dtype; target may be a or b. */
gt_status gt_update_add(gt_ctx *cx, gt_tensor *a, gt_tensor *b, double alpha, gt_tensor *target);

/* target = a + weight (b - a); target may be a or b. */
gt_status gt_update_lerp(gt_ctx *cx, gt_tensor *a, gt_tensor *b, double weight, gt_tensor *target);

#endif
