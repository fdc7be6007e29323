/* graph.c: recording calls and releasing the records.
 *
 * What holds what: a tensor holds the node that made it; a node holds the nodes of its inputs, the
 * leaves among them, and the tensors its backward reads.  An output that backward reads is held as
 * a nameless view of its storage: the output itself would hold the node that holds it. */
#include "core/tensor/node.h"
#include "core/tensor/prepare.h"

#include <ctype.h>
#include <stdlib.h>

static bool needs_gradient(const gt_tensor *t) { return t->requires_grad || t->node != NULL; }

bool gt_graph_wanted(const gt_ctx *cx, const gt_op *op, gt_tensor *const *in, int nin) {
  if (!cx->grad_enabled || op->differentiable == 0) return false;
  for (int i = 0; i < nin; i++) {
    unsigned bit = op->nin < 0 ? 0 : (unsigned)i;
    if (in[i] != NULL && (op->differentiable >> bit & 1u) && needs_gradient(in[i])) return true;
  }
  return false;
}

gt_status gt_graph_check_write(gt_ctx *cx, const char *name, const gt_tensor *t) {
  if (!cx->grad_enabled || !needs_gradient(t)) return GT_OK;
  return gt_fail(cx, GT_EGRAPH,
                 "%s: a tensor that takes part in a recorded graph cannot be changed in place; use"
                 " torch.no_grad",
                 name);
}

void gt_grad_clear(gt_ctx *cx, gt_tensor *t) {
  gt_tensor *grad = t->grad;
  t->grad = NULL;
  t->partial = false;
  gt_tensor_unref(cx, grad);
}

static void save(gt_saved *s, gt_tensor *t) {
  s->tensor = t;
  s->storage = t->storage;
  s->storage->refs++;
  s->version = t->storage->version;
}

/* Gives back what save() took. */
static void saved_drop(gt_ctx *cx, gt_saved *s) {
  if (s->tensor == NULL) return;
  gt_storage_unref(cx, s->storage);
  gt_tensor_unref(cx, s->tensor);
  s->tensor = NULL;
}

/* A node and its arrays in one block. */
static gt_node *node_new(gt_ctx *cx, const gt_op *op, int nin) {
  size_t inputs = (size_t)nin, attrs = (size_t)op->attr_count;
  gt_node *node =
      gt_malloc(cx, sizeof *node + attrs * sizeof *node->attr +
                        inputs * (sizeof *node->edge + sizeof *node->in_spec + sizeof *node->in));
  if (node == NULL) return NULL;
  *node = (gt_node){.refs = 1, .nin = nin, .op = op};
  node->attr = (gt_value *)(node + 1);
  node->edge = (gt_edge *)(node->attr + attrs);
  node->in = (gt_saved *)(node->edge + inputs);
  node->in_spec = (gt_spec *)(node->in + inputs);
  return node;
}

static void record_input(gt_call *c, gt_node *node, int i, gt_tensor *t) {
  const gt_op *op = c->op;
  unsigned bit = op->nin < 0 ? 0 : (unsigned)i;
  node->edge[i] = (gt_edge){0};
  node->in[i].tensor = NULL;
  node->in_spec[i] = t == NULL ? (gt_spec){0} : c->in_spec[i];
  if (t == NULL) return;
  if (!(op->differentiable >> bit & 1u)) return;
  if (t->node != NULL) {
    t->node->refs++;
    node->edge[i] = (gt_edge){.node = t->node, .output = t->output};
  } else if (t->requires_grad) {
    node->edge[i].leaf = gt_tensor_ref(t);
  }
}

/* True when an input other than i gets a gradient. */
static bool others_wanted(const gt_node *node, int i) {
  for (int k = 0; k < node->nin; k++) {
    if (k != i && (node->edge[k].node != NULL || node->edge[k].leaf != NULL)) return true;
  }
  return false;
}

static void save_inputs(gt_node *node, gt_tensor *const *given) {
  const gt_op *op = node->op;
  for (int i = 0; i < node->nin; i++) {
    if (given[i] == NULL || !gt_op_bit(op, op->save_in, i)) continue;
    if (gt_op_bit(op, op->save_crossed, i) && !others_wanted(node, i)) continue;
    save(&node->in[i], gt_tensor_ref(given[i]));
  }
}

static gt_status record_outputs(gt_call *c, gt_node *node) {
  for (int k = 0; k < c->nout; k++) {
    gt_tensor *t = c->out[k], *view = NULL;
    node->spec[k] = c->spec[k];
    if (!(c->op->save_out >> k & 1u)) continue;
    GT_TRY(gt_tensor_view(c->cx, t, t->ndim, t->shape, t->stride, t->offset, &view));
    save(&node->out[k], view);
  }
  for (int k = 0; k < c->nout; k++) {
    gt_tensor *t = c->out[k];
    if (!gt_dtype_is_float(t->dtype)) continue;
    node->refs++;
    t->node = node;
    t->output = k;
    t->requires_grad = true;
  }
  return GT_OK;
}

gt_status gt_graph_record(gt_call *c, gt_tensor *const *given) {
  gt_node *node = node_new(c->cx, c->op, c->nin);
  if (node == NULL) return GT_ENOMEM;
  node->nout = c->nout;
  node->device = c->device;
  node->dtype = c->dtype;
  node->stored = c->stored;
  node->sequence = c->cx->sequence++;
  if (c->op->attr_count > 0)
    memcpy(node->attr, c->attr, (size_t)c->op->attr_count * sizeof *node->attr);
  for (int i = 0; i < c->nin; i++) record_input(c, node, i, given[i]);
  save_inputs(node, given);
  gt_status status = record_outputs(c, node);
  gt_node_unref(c->cx, node); /* the outputs hold it now; on failure this releases it */
  return status;
}

void gt_node_drop_gradients(gt_ctx *cx, gt_node *node) {
  for (int k = 0; k < node->nout; k++) {
    gt_tensor_unref(cx, node->gout[k]);
    node->gout[k] = NULL;
  }
}

void gt_node_consume(gt_ctx *cx, gt_node *node) {
  if (node->consumed) return;
  node->consumed = true;
  for (int i = 0; i < node->nin; i++) {
    saved_drop(cx, &node->in[i]);
    if (node->edge[i].node != NULL) gt_node_unref(cx, node->edge[i].node);
    gt_tensor_unref(cx, node->edge[i].leaf);
    node->edge[i] = (gt_edge){0};
  }
  for (int k = 0; k < node->nout; k++) saved_drop(cx, &node->out[k]);
}

/* Nodes released while the list is being emptied join it, so that a deep graph needs no deep stack.
 */
void gt_node_unref(gt_ctx *cx, gt_node *node) {
  if (--node->refs > 0) return;
  node->next_dead = cx->dead;
  cx->dead = node;
  if (cx->releasing) return;
  cx->releasing = true;
  while (cx->dead != NULL) {
    gt_node *next = cx->dead;
    cx->dead = next->next_dead;
    gt_node_consume(cx, next);
    gt_node_drop_gradients(cx, next);
    gt_free(next);
  }
  cx->releasing = false;
}

void gt_graph_detach(gt_ctx *cx, gt_tensor *t) {
  gt_node *node = t->node;
  t->node = NULL;
  t->output = 0;
  t->requires_grad = false;
  if (node != NULL) gt_node_unref(cx, node);
}

const char *gt_grad_fn(const gt_tensor *t, char text[64]) {
  static const char suffix[] = "Backward0";
  if (t->node == NULL) return NULL;
  size_t length = 0;
  bool upper = true;
  for (const char *at = t->node->op->name; *at != 0 && length + sizeof suffix < 64; at++) {
    if (*at == '_') {
      upper = true;
    } else {
      text[length++] = (char)(upper ? toupper((unsigned char)*at) : *at);
      upper = false;
    }
  }
  memcpy(text + length, suffix, sizeof suffix);
  return text;
}
