/* graph.h: reverse-mode differentiation over an eager graph of coarse ops.
 *
 * A node belongs to the outputs it made and lives while one of them (or a later node) does; there
 * is no global tape. Order of backward = descending sequence number.  Nodes pin only what the op's
 * descriptor says backward reads, and backward() drops it as it passes (unless `retain`), so
 * training does not wait for a collector. */
#ifndef GT_GRAPH_H
#define GT_GRAPH_H

#include "core/tensor/op.h"

/* True when an op on these inputs would be recorded. */
bool gt_graph_wanted(const gt_ctx *cx, const gt_op *op, gt_tensor *const *in, int nin);

/* Records the call as the origin of its outputs.  run.c only.  `given`: the inputs before any
 * conversion, for edges and saved tensors. */
gt_status gt_graph_record(gt_call *c, gt_tensor *const *given);

/* Accumulates d(root)/d(leaf) into leaf->grad for all leaves that require it.  `seed` has root's
 * shape, NULL: 1 for a one-element root.  Errors: no graph, not a scalar, graph already consumed, a
 * saved tensor modified since (names the op). After a failure, leaf gradients touched by this pass
 * are marked partial. */
gt_status gt_backward(gt_ctx *cx, gt_tensor *root, gt_tensor *seed, bool retain);

/* GT_EGRAPH "<name>: a tensor that takes part in a recorded graph cannot be changed in place …"
 * when gradients are enabled and t requires one or was computed from one that does.  To be asked
 * before writing into a tensor that the user named. */
gt_status gt_graph_check_write(gt_ctx *cx, const char *name, const gt_tensor *t);

/* Drops t's gradient and its partial mark. */
void gt_grad_clear(gt_ctx *cx, gt_tensor *t);

/* For printing: "MulBackward0" style name of t's node, NULL for leaves. */
const char *gt_grad_fn(const gt_tensor *t, char text[64]);

/* Cuts t from its graph (detach_): drops the node. */
void gt_graph_detach(gt_ctx *cx, gt_tensor *t);

/* Releases a node reference; worklist, no recursion. tensor.c only. */
void gt_node_unref(gt_ctx *cx, gt_node *node);

#endif
