/* anomaly.c: looking through results for what is not finite; see anomaly.h. */
#include "core/tensor/anomaly.h"

#include "core/tensor/node.h"
#include "core/tensor/prepare.h"

#include <math.h>

static bool is_finite(const gt_range *r) { return !r->nan && !r->infinite; }

static void widen(gt_range *r, double x) {
  if (isnan(x)) {
    r->nan = true;
  } else if (isinf(x)) {
    r->infinite = true;
  } else {
    r->low = fmin(r->low, x);
    r->high = fmax(r->high, x);
  }
}

gt_status gt_range_of(gt_ctx *cx, gt_tensor *t, gt_range *out) {
  gt_range range = {.low = INFINITY, .high = -INFINITY};
  gt_tensor *plain = NULL;
  *out = range;
  if (!gt_dtype_is_float(t->dtype) || !gt_device_of(t)->data) return GT_OK;
  GT_TRY(gt_prepare(cx, t, t->dtype, cx->cpu, true, &plain));
  const char *at = gt_data(plain);
  size_t size = gt_dtype_size(plain->dtype);
  for (int64_t n = gt_count(plain); n > 0; n--, at += size)
    widen(&range, gt_load_scalar(at, plain->dtype).f);
  gt_tensor_unref(cx, plain);
  *out = range;
  return GT_OK;
}

/* ---- the message ---- */

static const char *kind_of(const gt_range *r) { return r->nan ? "nan" : "inf"; }

/* "x (2, 3) from -1.0 to 4.0 and nan" */
static void describe(gt_ctx *cx, gt_text *text, const char *name, const gt_spec *spec,
                     const gt_range *r) {
  char shape[GT_SHAPE_TEXT], low[GT_NUMBER_TEXT], high[GT_NUMBER_TEXT];
  gt_text_add(cx, text, "%s %s", name, gt_shape_text(spec, shape));
  if (r->low <= r->high)
    gt_text_add(cx, text, " from %s to %s", gt_number_text(r->low, low),
                gt_number_text(r->high, high));
  if (!is_finite(r))
    gt_text_add(cx, text, "%s%s", r->low <= r->high ? " and " : " of ", kind_of(r));
}

/* The same for t, unless it is NULL or holds no floats; what is before it ends with `comma`. */
static gt_status add_tensor(gt_ctx *cx, gt_text *text, const char *comma, const char *name,
                            gt_tensor *t, gt_range *range) {
  gt_spec spec;
  if (!t || !gt_dtype_is_float(t->dtype)) return GT_OK;
  GT_TRY(gt_range_of(cx, t, range));
  spec = gt_spec_of(t);
  gt_text_add(cx, text, "%s", comma);
  describe(cx, text, name, &spec, range);
  return GT_OK;
}

static gt_status report(gt_ctx *cx, gt_anomaly *a, uint64_t sequence, gt_text *text) {
  if (a->place) a->place(cx, a, sequence, text);
  gt_status status = text->failed ? GT_ENOMEM : gt_fail(cx, GT_EGRAPH, "%s", text->data);
  if (status == GT_EGRAPH) memcpy(a->found, cx->message, sizeof a->found);
  gt_text_free(text);
  return status;
}

/* ---- forward ---- */

gt_status gt_anomaly_check(gt_ctx *cx, gt_anomaly *a, const gt_call *c) {
  gt_range made = {0};
  bool clean = true;
  gt_text text = {0};
  gt_status status = GT_OK;
  for (int k = 0; k < c->nout && is_finite(&made); k++) GT_TRY(gt_range_of(cx, c->out[k], &made));
  if (is_finite(&made)) return GT_OK;
  gt_text_add(cx, &text, "%s gave %s; its inputs:", c->op->name, kind_of(&made));
  size_t start = text.length;
  for (int i = 0; i < c->nin && status == GT_OK; i++) {
    gt_range in = {0};
    char name[32] = "one";
    gt_input_name(c->op, i, name);
    status = add_tensor(cx, &text, text.length > start ? ", " : " ", name, c->in[i], &in);
    clean = clean && is_finite(&in);
  }
  if (status == GT_OK && (made.nan || clean)) return report(cx, a, cx->sequence, &text);
  gt_text_free(&text);
  return status;
}

/* ---- backward ---- */

/* Where the gradient of input i has been gathered, NULL for nowhere. */
static gt_tensor *gathered(const gt_node *node, int i) {
  const gt_edge *edge = &node->edge[i];
  return edge->node ? edge->node->gout[edge->output] : edge->leaf ? edge->leaf->grad : NULL;
}

gt_status gt_anomaly_before(gt_ctx *cx, const gt_node *node, gt_backward_ranges *out) {
  gt_range range;
  out->clean = true;
  for (int k = 0; k < node->nout; k++) {
    if (!node->gout[k]) continue;
    GT_TRY(gt_range_of(cx, node->gout[k], &out->gout[k]));
    out->clean = out->clean && is_finite(&out->gout[k]);
  }
  for (int i = 0; i < node->nin; i++) {
    gt_tensor *waiting = gathered(node, i);
    if (!waiting) continue;
    GT_TRY(gt_range_of(cx, waiting, &range));
    out->clean = out->clean && is_finite(&range);
  }
  return GT_OK;
}

static gt_status report_node(gt_ctx *cx, gt_anomaly *a, const gt_node *node, int i,
                             const gt_range *made, const gt_backward_ranges *before) {
  gt_text text = {0};
  gt_range range = before->gout[0];
  gt_status status = GT_OK;
  char name[32] = "an input", low[GT_NUMBER_TEXT], high[GT_NUMBER_TEXT];
  gt_input_name(node->op, i, name);
  gt_text_add(cx, &text, "the backward of %s gave %s as gradient of %s, from one between %s and %s",
              node->op->name, kind_of(made), name, gt_number_text(range.low, low),
              gt_number_text(range.high, high));
  for (int k = 0; k < node->nin && status == GT_OK; k++) {
    gt_input_name(node->op, k, name);
    status = add_tensor(cx, &text, ", ", name, node->in[k].tensor, &range);
  }
  for (int k = 0; k < node->nout && status == GT_OK; k++)
    status = add_tensor(cx, &text, ", ", "its result", node->out[k].tensor, &range);
  if (status == GT_OK) return report(cx, a, node->sequence, &text);
  gt_text_free(&text);
  return status;
}

gt_status gt_anomaly_check_node(gt_ctx *cx, gt_anomaly *a, const gt_node *node,
                                const gt_backward_ranges *before) {
  gt_range made;
  for (int i = 0; i < node->nin && before->clean; i++) {
    gt_tensor *g = gathered(node, i);
    if (!g) continue;
    GT_TRY(gt_range_of(cx, g, &made));
    if (!is_finite(&made)) return report_node(cx, a, node, i, &made, before);
  }
  return GT_OK;
}
