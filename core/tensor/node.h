/* node.h: one recorded call.  For graph.c (making and
 * releasing), backward.c (walking), anomaly.c and census.c (looking) only. */
#ifndef GT_NODE_H
#define GT_NODE_H

#include "core/tensor/graph.h"

/* Where the gradient of one input goes: to an output of an earlier node, or to a leaf; nowhere if
 * both are NULL. */
typedef struct gt_edge {
  gt_node *node; /* one reference */
  int output;
  gt_tensor *leaf; /* one reference */
} gt_edge;

/* A tensor that backward reads, and proof that it is still what it was. */
typedef struct gt_saved {
  gt_tensor *tensor;   /* one reference; NULL: not saved */
  gt_storage *storage; /* one reference, so that a new storage cannot pass for the old one */
  uint32_t version;
} gt_saved;

struct gt_node {
  int refs;
  int nin, nout;
  bool consumed; /* edges and saved tensors are gone */
  bool listed;   /* in the list of the backward that runs */
  const gt_op *op;
  const gt_backend *device;
  gt_dtype dtype, stored; /* of the forward */
  uint64_t sequence;
  gt_node *next_dead;
  gt_value *attr; /* (op->attr_count) */
  gt_edge *edge;  /* (nin) */
  gt_spec *in_spec;
  gt_saved *in;
  gt_spec spec[GT_MAX_OUT];
  gt_saved out[GT_MAX_OUT];
  gt_tensor *gout[GT_MAX_OUT]; /* gradients that arrived, during backward */
};

/* Drops saved tensors and edges; the node stays. */
void gt_node_consume(gt_ctx *cx, gt_node *node);

/* Drops the gradients that arrived. */
void gt_node_drop_gradients(gt_ctx *cx, gt_node *node);

#endif
