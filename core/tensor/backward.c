/* backward.c: the walk from a result to its leaves.
 *
 * Nodes are collected first (no recursion), checked, and sorted by falling sequence number: a node
 * comes after all that use its outputs.  Each then turns the gradients of its outputs into those of
 * its inputs and gives up what it held.  Nothing is changed before the checks are through. */
#include "core/tensor/anomaly.h"
#include "core/tensor/node.h"
#include "core/tensor/prepare.h"
#include "core/tensor/rng.h"
#include "core/tensor/run.h"

#include <stdlib.h>

enum { FEW = 8 };

typedef struct walk {
  gt_ctx *cx;
  gt_anomaly *anomaly; /* looks at every step; NULL: off */
  gt_node **nodes;     /* one reference each */
  int64_t count, capacity, done;
  gt_tensor **touched; /* (leaves) leaves whose gradient changed, one reference each */
  int64_t leaves, touched_count;
  bool retain;
} walk;

/* The arrays of one backward call. */
typedef struct frame {
  gt_call call;
  gt_tensor **in, **gin;
  bool *want, *accumulate;
  gt_tensor *few[2 * FEW];
  bool few_flags[2 * FEW];
} frame;

/* ---- collecting and checking ---- */

static gt_status list_node(walk *w, gt_node *node) {
  if (node->listed) return GT_OK;
  if (node->consumed)
    return gt_fail(w->cx, GT_EGRAPH,
                   "backward: this graph was already consumed by backward(); pass"
                   " retain_graph=true to the first one");
  GT_TRY(gt_grow(w->cx, &w->nodes, w->count, &w->capacity, sizeof *w->nodes));
  node->listed = true;
  node->refs++;
  w->nodes[w->count++] = node;
  return GT_OK;
}

static gt_status check_saved(gt_ctx *cx, const gt_op *op, const gt_saved *s) {
  if (s->tensor == NULL) return GT_OK;
  if (s->tensor->storage == s->storage && s->storage->version == s->version) return GT_OK;
  if (s->tensor->storage != s->storage)
    return gt_fail(cx, GT_EGRAPH, "backward: a tensor saved by %s was given other data since",
                   op->name);
  return gt_fail(cx, GT_EGRAPH,
                 "backward: a tensor saved by %s was modified in place since (version %u, saved at"
                 " %u)",
                 op->name, s->storage->version, s->version);
}

static gt_status check_node(gt_ctx *cx, const gt_node *node) {
  for (int i = 0; i < node->nin; i++) GT_TRY(check_saved(cx, node->op, &node->in[i]));
  for (int k = 0; k < node->nout; k++) GT_TRY(check_saved(cx, node->op, &node->out[k]));
  return GT_OK;
}

static int later_first(const void *a, const void *b) {
  uint64_t x = (*(gt_node *const *)a)->sequence, y = (*(gt_node *const *)b)->sequence;
  return x < y ? 1 : x > y ? -1 : 0;
}

static gt_status collect(walk *w, gt_node *root) {
  GT_TRY(list_node(w, root));
  for (int64_t at = 0; at < w->count; at++) {
    gt_node *node = w->nodes[at];
    GT_TRY(check_node(w->cx, node));
    for (int i = 0; i < node->nin; i++) {
      w->leaves += node->edge[i].leaf != NULL;
      if (node->edge[i].node != NULL) GT_TRY(list_node(w, node->edge[i].node));
    }
  }
  w->touched = gt_malloc(w->cx, (size_t)w->leaves * sizeof *w->touched);
  if (w->touched == NULL) return GT_ENOMEM;
  bool sorted = true;
  for (int64_t at = 1; at < w->count && sorted; at++)
    sorted = w->nodes[at - 1]->sequence > w->nodes[at]->sequence;
  if (!sorted) qsort(w->nodes, (size_t)w->count, sizeof *w->nodes, later_first);
  return GT_OK;
}

static void close_walk(walk *w, bool failed) {
  for (int64_t i = 0; i < w->touched_count; i++) {
    if (failed) w->touched[i]->partial = true;
    gt_tensor_unref(w->cx, w->touched[i]);
  }
  for (int64_t at = w->done; at < w->count; at++) {
    gt_node_drop_gradients(w->cx, w->nodes[at]);
    w->nodes[at]->listed = false;
    gt_node_unref(w->cx, w->nodes[at]);
  }
  gt_free(w->touched);
  gt_free(w->nodes);
}

/* ---- gradients in place ---- */

/* True if we hold the only reference to this storage. */
static bool is_ours(const gt_tensor *t) {
  return t->refs == 1 && t->storage->refs == 1 && gt_is_contiguous(t);
}

static gt_tensor **slot_of(const gt_edge *edge) {
  return edge->node != NULL ? &edge->node->gout[edge->output] : &edge->leaf->grad;
}

static void touch_leaf(walk *w, const gt_edge *edge) {
  if (edge->leaf != NULL) w->touched[w->touched_count++] = gt_tensor_ref(edge->leaf);
}

/* Stores the first contribution; takes ownership of `g`. */
static gt_status store(gt_ctx *cx, const gt_edge *edge, gt_tensor *g) {
  gt_tensor **slot = slot_of(edge);
  if (edge->leaf == NULL || is_ours(g)) {
    *slot = g;
    return GT_OK;
  }
  gt_status status = gt_copy_new(cx, g, g->dtype, gt_device_of(g), slot);
  gt_tensor_unref(cx, g);
  return status;
}

/* Adds a further contribution; takes ownership of `g`.  The sum is rounded to the gradient's dtype
 * each time, in PyTorch's order, so that bf16 gradients of several consumers have its bits.  (One
 * that an earlier backward left gets the contributions one by one, where PyTorch adds their sum.)
 */
static gt_status add(gt_ctx *cx, const gt_edge *edge, gt_tensor *g) {
  gt_tensor **slot = slot_of(edge), *sum = NULL;
  gt_tensor *terms[2] = {*slot, g};
  gt_status status;
  if (edge->leaf != NULL || is_ours(*slot)) {
    status = gt_apply_into(cx, "add", terms, 2, NULL, *slot);
  } else {
    status = gt_apply(cx, "add", terms, 2, NULL, &sum);
    if (status == GT_OK) {
      gt_tensor_unref(cx, *slot);
      *slot = sum;
    }
  }
  gt_tensor_unref(cx, g);
  return status;
}

/* Where the input is, which may be the CPU in a call of another device. */
static const gt_backend *device_of(const gt_edge *edge) {
  return edge->node != NULL ? edge->node->device : gt_device_of(edge->leaf);
}

/* Hands the gradient of input i on, in the dtype and on the device of that input; takes ownership
 * of `g`. */
static gt_status deliver(walk *w, const gt_node *node, int i, gt_tensor *g) {
  const gt_edge *edge = &node->edge[i];
  gt_spec have = gt_spec_of(g);
  char expected[GT_SHAPE_TEXT], got[GT_SHAPE_TEXT];
  if (!gt_same_shape(&node->in_spec[i], &have)) {
    gt_tensor_unref(w->cx, g);
    return gt_fail(w->cx, GT_EGRAPH, "%s: expected a gradient of shape %s for input %d, got %s",
                   node->op->name, gt_shape_text(&node->in_spec[i], expected), i,
                   gt_shape_text(&have, got));
  }
  if (g->dtype != node->in_spec[i].dtype || gt_device_of(g) != device_of(edge)) {
    gt_tensor *converted = NULL;
    gt_status status =
        gt_prepare(w->cx, g, node->in_spec[i].dtype, device_of(edge), true, &converted);
    gt_tensor_unref(w->cx, g);
    if (status != GT_OK) return status;
    g = converted;
  }
  touch_leaf(w, edge);
  return *slot_of(edge) == NULL ? store(w->cx, edge, g) : add(w->cx, edge, g);
}

/* ---- one node ---- */

static bool wanted(const gt_node *node, int i) {
  return node->edge[i].node != NULL || node->edge[i].leaf != NULL;
}

static gt_status open_frame(frame *f, gt_ctx *cx, gt_node *node) {
  gt_call *c = &f->call;
  *c = (gt_call){.cx = cx,
                 .op = node->op,
                 .attr = node->attr,
                 .nin = node->nin,
                 .nout = node->nout,
                 .in_spec = node->in_spec,
                 .dtype = node->dtype,
                 .stored = node->stored,
                 .device = node->device};
  f->in = f->few;
  f->gin = f->few + FEW;
  f->want = f->few_flags;
  f->accumulate = f->few_flags + FEW;
  if (node->nin > FEW) {
    size_t n = (size_t)node->nin;
    char *block = gt_malloc(cx, n * (2 * sizeof *f->in + 2 * sizeof *f->want));
    if (block == NULL) {
      c->nin = 0;
      return GT_ENOMEM;
    }
    f->in = (gt_tensor **)block;
    f->gin = f->in + n;
    f->want = (bool *)(f->gin + n);
    f->accumulate = f->want + n;
  }
  for (int i = 0; i < node->nin; i++) {
    f->in[i] = f->gin[i] = NULL;
    f->want[i] = wanted(node, i);
    f->accumulate[i] = false;
  }
  for (int k = 0; k < node->nout; k++) c->spec[k] = node->spec[k];
  c->in = f->in;
  c->gin = f->gin;
  c->want = f->want;
  c->accumulate = f->accumulate;
  return GT_OK;
}

static void close_frame(frame *f) {
  gt_call *c = &f->call;
  if (f->in == NULL) return;
  for (int i = 0; i < c->nin; i++) {
    gt_tensor_unref(c->cx, f->in[i]);
    gt_tensor_unref(c->cx, f->gin[i]);
  }
  for (int k = 0; k < c->nout; k++) {
    gt_tensor_unref(c->cx, c->out[k]);
    gt_tensor_unref(c->cx, c->gout[k]);
  }
  if (c->nin > FEW) gt_free(f->in);
}

/* A gradient written in other ops: tensors as the user gave them. */
static gt_status run_rule(frame *f, gt_node *node) {
  gt_call *c = &f->call;
  for (int i = 0; i < c->nin; i++) f->in[i] = gt_tensor_ref(node->in[i].tensor);
  for (int k = 0; k < c->nout; k++) {
    c->out[k] = gt_tensor_ref(node->out[k].tensor);
    c->gout[k] = node->gout[k];
    node->gout[k] = NULL;
  }
  return c->op->rule(c);
}

/* Tensors in the form the backward kernel reads, as run.c does for the forward. */
static gt_status prepare_kernel_inputs(frame *f, gt_node *node) {
  gt_call *c = &f->call;
  for (int i = 0; i < c->nin; i++) {
    if (node->in[i].tensor == NULL) continue;
    bool contiguous = !gt_op_bit(c->op, c->op->strided, i);
    GT_TRY(gt_prepare(c->cx, node->in[i].tensor, gt_dtype_of_input(c, i), c->device, contiguous,
                      &f->in[i]));
  }
  for (int k = 0; k < c->nout; k++) {
    gt_dtype dtype = gt_dtype_of_output(c, node->spec[k].dtype);
    if (node->out[k].tensor != NULL)
      GT_TRY(gt_prepare(c->cx, node->out[k].tensor, dtype, c->device, true, &c->out[k]));
    if (node->gout[k] == NULL) continue;
    GT_TRY(gt_prepare(c->cx, node->gout[k], dtype, c->device, true, &c->gout[k]));
  }
  gt_node_drop_gradients(c->cx, node);
  return GT_OK;
}

/* True when an earlier input of the node already sends its gradient to the same place. */
static bool shares_slot(const gt_node *node, int i) {
  for (int j = 0; j < i; j++) {
    if (wanted(node, j) && slot_of(&node->edge[j]) == slot_of(&node->edge[i])) return true;
  }
  return false;
}

/* Memory for the gradients: where one is already waiting and has the kernel's form, the kernel adds
 * to it. */
static gt_status prepare_kernel_gradients(frame *f, walk *w, gt_node *node) {
  gt_call *c = &f->call;
  for (int i = 0; i < c->nin; i++) {
    if (!f->want[i]) continue;
    const gt_edge *edge = &node->edge[i];
    gt_tensor *waiting = *slot_of(edge);
    gt_spec spec = node->in_spec[i];
    spec.dtype = gt_dtype_of_output(c, spec.dtype);
    f->accumulate[i] = waiting != NULL && waiting->dtype == spec.dtype &&
                       gt_device_of(waiting) == c->device &&
                       (edge->leaf != NULL ? gt_is_contiguous(waiting) : is_ours(waiting)) &&
                       !shares_slot(node, i);
    if (f->accumulate[i]) {
      f->gin[i] = gt_tensor_ref(waiting);
      touch_leaf(w, edge);
    } else {
      GT_TRY(gt_tensor_new(c->cx, &spec, c->device, &f->gin[i]));
    }
  }
  return GT_OK;
}

static gt_status run_kernel(frame *f, walk *w, gt_node *node, gt_kernel kernel) {
  gt_call *c = &f->call;
  GT_TRY(prepare_kernel_inputs(f, node));
  GT_TRY(prepare_kernel_gradients(f, w, node));
  int scratch = c->cx->scratch_count;
  gt_status status = gt_kernel_run(c, kernel, true);
  gt_scratch_release(c->cx, scratch);
  return status;
}

static gt_status deliver_all(frame *f, walk *w, gt_node *node) {
  for (int i = 0; i < node->nin; i++) {
    gt_tensor *g = f->gin[i];
    f->gin[i] = NULL;
    if (f->accumulate[i]) {
      gt_touch(g);
      gt_tensor_unref(w->cx, g);
    } else if (g != NULL && f->want[i]) {
      GT_TRY(deliver(w, node, i, g));
    } else {
      gt_tensor_unref(w->cx, g);
    }
  }
  return GT_OK;
}

static gt_status run_node(frame *f, walk *w, gt_node *node) {
  gt_kernel kernel = gt_kernel_find(&f->call, true);
  if (kernel == NULL && node->op->rule != NULL) return run_rule(f, node);
  GT_TRY(gt_kernel_or_fallback(&f->call, true, &kernel));
  return run_kernel(f, w, node, kernel);
}

static bool has_gradient(const gt_node *node) {
  for (int k = 0; k < node->nout; k++) {
    if (node->gout[k] != NULL) return true;
  }
  return false;
}

static gt_status visit(walk *w, gt_node *node) {
  GT_TRY(gt_poll(w->cx));
  if (!has_gradient(node)) return GT_OK;
  GT_TRY(check_node(w->cx, node)); /* again: this pass may have added to a gradient it saved */
  frame f = {0};
  gt_backward_ranges before;
  if (w->anomaly != NULL) GT_TRY(gt_anomaly_before(w->cx, node, &before));
  gt_status status = open_frame(&f, w->cx, node);
  if (status == GT_OK) status = run_node(&f, w, node);
  for (int k = 0; k < node->nout; k++) { /* before passing on: what only we held may be reused */
    gt_tensor_unref(w->cx, f.call.gout[k]);
    f.call.gout[k] = NULL;
  }
  if (status == GT_OK) status = gt_poll(w->cx);
  if (status == GT_OK) status = deliver_all(&f, w, node);
  if (status == GT_OK && w->anomaly != NULL)
    status = gt_anomaly_check_node(w->cx, w->anomaly, node, &before);
  close_frame(&f);
  return status;
}

static gt_status walk_graph(walk *w, gt_node *root, int output, gt_tensor *seed) {
  GT_TRY(collect(w, root));
  root->gout[output] = gt_tensor_ref(seed);
  while (w->done < w->count) {
    gt_node *node = w->nodes[w->done];
    GT_TRY(visit(w, node));
    gt_node_drop_gradients(w->cx, node);
    if (!w->retain) gt_node_consume(w->cx, node);
    node->listed = false;
    w->done++;
    gt_node_unref(w->cx, node);
  }
  return GT_OK;
}

/* ---- public ---- */

/* The gradient backward starts from: a contiguous tensor of root's dtype. */
static gt_status make_seed(gt_ctx *cx, gt_tensor *root, gt_tensor *seed, gt_tensor **out) {
  gt_spec spec = gt_spec_of(root);
  char expected[GT_SHAPE_TEXT], got[GT_SHAPE_TEXT];
  if (seed != NULL) {
    gt_spec have = gt_spec_of(seed);
    if (!gt_same_shape(&spec, &have))
      return gt_fail(cx, GT_ESHAPE, "backward: expected a gradient of shape %s, got %s",
                     gt_shape_text(&spec, expected), gt_shape_text(&have, got));
    return gt_prepare(cx, seed, root->dtype, gt_device_of(root), true, out);
  }
  if (gt_spec_count(&spec) != 1)
    return gt_fail(cx, GT_EGRAPH,
                   "backward: expected a tensor with one element, got %s; pass a gradient of that"
                   " shape",
                   gt_shape_text(&spec, got));
  gt_tensor *one = NULL;
  GT_TRY(gt_tensor_new(cx, &spec, gt_device_of(root), &one));
  gt_status status = gt_fill_value(cx, one, 1);
  if (status == GT_OK)
    *out = one;
  else
    gt_tensor_unref(cx, one);
  return status;
}

gt_status gt_backward(gt_ctx *cx, gt_tensor *root, gt_tensor *seed, bool retain) {
  if (root->node == NULL && !root->requires_grad)
    return gt_fail(cx, GT_EGRAPH, "backward: this tensor requires no gradient and has no graph%s",
                   cx->grad_enabled ? "" : "; gradients are off, by torch.no_grad()");
  gt_tensor *start = NULL;
  GT_TRY(make_seed(cx, root, seed, &start));
  bool enabled = cx->grad_enabled;
  gt_autocast autocast[GT_MAX_BACKENDS];
  gt_anomaly *anomaly = cx->anomaly;
  gt_status status;
  cx->grad_enabled = false; /* gradients of gradients are not recorded */
  cx->anomaly = NULL;       /* rules are looked at as one */
  memcpy(autocast, cx->autocast, sizeof autocast);
  memset(cx->autocast, 0, sizeof autocast); /* the dtypes of the forward hold */
  if (root->node == NULL) {
    gt_edge edge = {.leaf = root};
    status = root->grad == NULL ? store(cx, &edge, gt_tensor_ref(start))
                                : add(cx, &edge, gt_tensor_ref(start));
  } else {
    walk w = {.cx = cx, .anomaly = anomaly, .retain = retain};
    status = walk_graph(&w, root->node, root->output, start);
    close_walk(&w, status != GT_OK);
  }
  cx->grad_enabled = enabled;
  cx->anomaly = anomaly;
  memcpy(cx->autocast, autocast, sizeof autocast);
  gt_tensor_unref(cx, start);
  return status;
}
