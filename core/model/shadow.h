/* shadow.h: a model on the meta device for a while, without copying it: its parameters and buffers
 * keep their identity and point at storages without data until they are put back. */
#ifndef GT_SHADOW_H
#define GT_SHADOW_H

#include "core/model/module.h"

/* Zero-initialise. */
typedef struct gt_shadow {
  struct {
    gt_tensor *real; /* a tensor of the model */
    gt_tensor *kept; /* a view of its own storage */
    gt_tensor *meta; /* what it looks like meanwhile */
  } * tensors;       /* (count) */
  int64_t count, capacity;
} gt_shadow;

/* Nothing has changed when this fails. */
gt_status gt_shadow_begin(gt_ctx *cx, gt_module *m, gt_shadow *shadow);
/* Cannot fail; must follow a gt_shadow_begin that succeeded. */
void gt_shadow_end(gt_ctx *cx, gt_shadow *shadow);

/* A meta tensor like t. */
gt_tensor *gt_shadow_of(gt_frame *f, const gt_tensor *t);

#endif
