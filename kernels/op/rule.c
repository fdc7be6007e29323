/* rule.c: terms of gradient formulas, kept until the rule ends. */
#include "kernels/op/rule.h"

#include "kernels/op/reduction.h"

/* Takes over the reference in `made` (NULL after a failure) and lends it. */
static gt_tensor *keep(gt_terms *t, gt_tensor *made) {
  if (!made) return NULL;
  if (t->count == GT_MAX_TERMS) {
    gt_tensor_unref(t->c->cx, made);
    t->status = gt_fail(t->c->cx, GT_EARG, "%s: gradient rule has more than %d terms",
                        t->c->op->name, GT_MAX_TERMS);
    return NULL;
  }
  t->kept[t->count++] = made;
  return made;
}

static gt_tensor *apply(gt_terms *t, const char *op, int nin, gt_tensor *const *in,
                        const gt_arg *args) {
  if (t->status != GT_OK) return NULL;
  gt_tensor *out = NULL;
  t->status = gt_apply(t->c->cx, op, in, nin, args, &out);
  return keep(t, out);
}

gt_tensor *gt_term1_with(gt_terms *t, const char *op, gt_tensor *a, const gt_arg *args) {
  return apply(t, op, 1, (gt_tensor *[]){a}, args);
}

gt_tensor *gt_term2_with(gt_terms *t, const char *op, gt_tensor *a, gt_tensor *b,
                         const gt_arg *args) {
  return apply(t, op, 2, (gt_tensor *[]){a, b}, args);
}

gt_tensor *gt_term1(gt_terms *t, const char *op, gt_tensor *a) {
  return gt_term1_with(t, op, a, NULL);
}

gt_tensor *gt_term2(gt_terms *t, const char *op, gt_tensor *a, gt_tensor *b) {
  return gt_term2_with(t, op, a, b, NULL);
}

gt_tensor *gt_term3(gt_terms *t, const char *op, gt_tensor *a, gt_tensor *b, gt_tensor *c) {
  return apply(t, op, 3, (gt_tensor *[]){a, b, c}, NULL);
}

gt_tensor *gt_number(gt_terms *t, double value) {
  if (t->status != GT_OK) return NULL;
  gt_tensor *out = NULL;
  t->status = gt_tensor_scalar(t->c->cx, GT_F64, value, 0, &out);
  return keep(t, out);
}

gt_tensor *gt_whole(gt_terms *t, int64_t value) {
  if (t->status != GT_OK) return NULL;
  gt_tensor *out = NULL;
  t->status = gt_tensor_scalar(t->c->cx, GT_I64, 0, value, &out);
  return keep(t, out);
}

gt_tensor *gt_term_number(gt_terms *t, const char *op, gt_tensor *a, double b) {
  return gt_term2(t, op, a, gt_number(t, b));
}

gt_tensor *gt_term_wide(gt_terms *t, gt_tensor *a) {
  if (!a->weak || t->c->dtype != GT_F64) return a;
  return gt_term1_with(t, "to", a, GT_ARGS({"dtype", GT_INT(GT_F64)}));
}

gt_tensor *gt_unreduced(gt_terms *t, gt_tensor *reduced) {
  if (t->status != GT_OK) return NULL;
  gt_call *c = t->c;
  const gt_spec *x = &c->in_spec[0];
  unsigned dims;
  t->status = gt_reduced_dims(c, &dims);
  if (t->status != GT_OK) return NULL;
  bool keepdim = gt_attr_named(c, "keepdim")->i != 0;
  int64_t stride[GT_MAX_DIM];
  int from = 0;
  for (int d = 0; d < x->ndim; d++) {
    bool repeated = dims >> d & 1;
    stride[d] = repeated ? 0 : reduced->stride[from];
    if (!repeated || keepdim) from++;
  }
  gt_tensor *out = NULL;
  t->status = gt_tensor_view(c->cx, reduced, x->ndim, x->shape, stride, reduced->offset, &out);
  return keep(t, out);
}

void gt_give(gt_terms *t, int i, gt_tensor *gradient) {
  if (t->status != GT_OK) return;
  const gt_spec *want = &t->c->in_spec[i];
  gt_spec have = gt_spec_of(gradient);
  if (!gt_same_shape(want, &have)) {
    gt_value shape = {.given = true, .dims = {.count = want->ndim}};
    memcpy(shape.dims.at, want->shape, sizeof want->shape);
    gradient = gt_term1_with(t, "sum_to", gradient, GT_ARGS({"shape", shape}));
  }
  if (want->dtype != have.dtype) {
    gradient = gt_term1_with(t, "to", gradient, GT_ARGS({"dtype", GT_INT(want->dtype)}));
  }
  if (gradient) t->c->gin[i] = gt_tensor_ref(gradient);
}

void gt_give_zero(gt_terms *t, int i) {
  gt_call *c = t->c;
  if (t->status != GT_OK) return;
  t->status = gt_tensor_zeros(c->cx, &c->in_spec[i], c->device, &c->gin[i]);
}

gt_status gt_give_slope(gt_terms *t, gt_tensor *slope) {
  gt_give(t, 0, gt_term2(t, "mul", t->c->gout[0], slope));
  return gt_terms_end(t);
}

gt_status gt_terms_end(gt_terms *t) {
  for (int k = 0; k < t->count; k++) gt_tensor_unref(t->c->cx, t->kept[k]);
  t->count = 0;
  return t->status;
}

gt_status gt_rule_zero(gt_call *c) {
  gt_terms t = {.c = c};
  gt_give_zero(&t, 0);
  return gt_terms_end(&t);
}
