/* forward.h: what native forwards share: reading arguments, calling modules, common ops.  All in a
 * frame: see core/tensor/frame.h. */
#ifndef GT_FORWARD_H
#define GT_FORWARD_H

#include "core/model/module.h"
#include "core/tensor/frame.h"

/* Argument i as one tensor; "<class>: expected a tensor <name>, got nil" otherwise. */
gt_tensor *gt_argument_tensor(gt_frame *f, const gt_module *m, const gt_arguments *args, int i,
                              const char *name);

/* The tensor in a slot; "<class>: has no <name>" when there is none. */
gt_tensor *gt_slot_tensor(gt_frame *f, const gt_module *m, const char *name);
/* The same, NULL when there is none. */
gt_tensor *gt_optional_tensor(const gt_module *m, const char *name);

/* Calls module m on x and what follows the first of `rest` (NULL: on x alone). */
gt_tensor *gt_call_with(gt_frame *f, gt_module *m, gt_tensor *x, const gt_arguments *rest);
/* The same for whatever module is in slot `name` of m. */
gt_tensor *gt_child_with(gt_frame *f, const gt_module *m, const char *name, gt_tensor *x,
                         const gt_arguments *rest);
gt_tensor *gt_child(gt_frame *f, const gt_module *m, const char *name, gt_tensor *x);

/* dropout(x, p) with a fresh random stream when m is in training and p > 0, else x. */
gt_tensor *gt_dropout(gt_frame *f, const gt_module *m, double p, gt_tensor *x);

/* The value of a choice attribute by its name: gt_choice(cx, "rope", "norm", "after").  -1 in it
 * when the op has no such choice. */
gt_value gt_choice(const gt_ctx *cx, const char *op, const char *attr, const char *name);

#endif
