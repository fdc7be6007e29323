/* census.c: a walk over a recorded graph that changes nothing. */
#include "core/tensor/census.h"

#include "core/tensor/node.h"

#include <stdlib.h>

static gt_status add(gt_ctx *cx, gt_census *c, gt_node *node) {
  if (node == NULL || node->listed) return GT_OK;
  GT_TRY(gt_grow(cx, &c->nodes, c->count, &c->capacity, sizeof *c->nodes));
  node->listed = true;
  c->nodes[c->count++] = node;
  return GT_OK;
}

gt_status gt_census_make(gt_ctx *cx, const gt_tensor *root, gt_census *out) {
  gt_census c = {0};
  gt_status status = add(cx, &c, root->node);
  for (int64_t at = 0; at < c.count && status == GT_OK; at++) {
    const gt_node *node = c.nodes[at];
    for (int i = 0; i < node->nin && status == GT_OK; i++) status = add(cx, &c, node->edge[i].node);
  }
  for (int64_t at = 0; at < c.count; at++) c.nodes[at]->listed = false;
  if (status == GT_OK)
    *out = c;
  else
    gt_census_free(&c);
  return status;
}

void gt_census_free(gt_census *c) {
  gt_free(c->nodes);
  *c = (gt_census){0};
}

gt_census_op gt_census_at(const gt_census *c, int64_t i) {
  const gt_node *node = c->nodes[i];
  return (gt_census_op){node->op, node->attr, node->nin, node->nout, node->in_spec, node->spec};
}

bool gt_census_wants(const gt_census *c, int64_t i, int input) {
  const gt_edge *edge = &c->nodes[i]->edge[input];
  return edge->node != NULL || edge->leaf != NULL;
}

const gt_storage *gt_census_keeps(const gt_census *c, int64_t i, int k) {
  const gt_node *node = c->nodes[i];
  const gt_saved *saved = k < node->nin ? &node->in[k] : &node->out[k - node->nin];
  return saved->tensor != NULL ? saved->storage : NULL;
}
