/* forward.h: what native forwards share: reading arguments, calling children by slot, short calls
 * of common ops. */
#ifndef GT_FORWARD_H
#define GT_FORWARD_H

#include "core/model/module.h"
#include "core/tensor/run.h"

/* Argument i as one tensor, borrowed; "<class>: expected a tensor <name>, got nil" otherwise. */
gt_status gt_argument_tensor(gt_ctx *cx, const gt_module *m, const gt_arguments *args, int i,
                             const char *name, gt_tensor **out);

/* The tensor in a slot, borrowed; "<class>: has no <name>" when there is none. */
gt_status gt_slot_tensor(gt_ctx *cx, const gt_module *m, const char *name, gt_tensor **out);

/* Calls whatever module sits in slot `name`, with all arguments or with one tensor. */
gt_status gt_child_call(gt_ctx *cx, const gt_module *m, const char *name, const gt_arguments *args,
                        gt_tensor **out);
gt_status gt_child_call1(gt_ctx *cx, const gt_module *m, const char *name, gt_tensor *x,
                         gt_tensor **out);

/* t with another shape; recorded in the graph. */
gt_status gt_reshape(gt_ctx *cx, gt_tensor *t, int ndim, const int64_t *shape, gt_tensor **out);

/* *t = dropout(*t, p) with a fresh random stream when m is in training and p > 0. */
gt_status gt_dropout(gt_ctx *cx, const gt_module *m, double p, gt_tensor **t);

/* The value of a choice attribute by its name: gt_choice(cx, "rope", "norm", "after").  -1 in it
 * when the op has no such choice. */
gt_value gt_choice(const gt_ctx *cx, const char *op, const char *attr, const char *name);

#endif
