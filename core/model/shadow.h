/* shadow.h: a model on the meta device for a while, without copying it: its parameters and buffers
 * keep their identity and point at storages without data until they are put back. */
#ifndef GT_SHADOW_H
#define GT_SHADOW_H

#include "core/model/module.h"

/* Zero-initialise. */
typedef struct gt_shadow {
  gt_tensor **real; /* (count) the tensors of the model */
  gt_tensor **kept; /* (count) views of their own storages */
  gt_tensor **meta; /* (count) what they look like meanwhile */
  int count, capacity;
} gt_shadow;

/* Nothing has changed when this fails. */
gt_status gt_shadow_begin(gt_ctx *cx, gt_module *m, gt_shadow *shadow);
/* Cannot fail; must follow a gt_shadow_begin that succeeded. */
void gt_shadow_end(gt_ctx *cx, gt_shadow *shadow);

/* A meta tensor like t. */
gt_status gt_shadow_of(gt_ctx *cx, const gt_tensor *t, gt_tensor **out);

#endif
