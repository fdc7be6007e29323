/* rule.c: what gradient formulas have beyond other composites of ops. */
#include "kernels/op/rule.h"

#include "kernels/op/reduction.h"

gt_tensor *gt_wide(gt_frame *f, const gt_call *c, gt_tensor *a) {
  if (!a->wrapped || c->dtype != GT_F64) return a;
  return gt_op1_with(f, "to", a, GT_ARGS({"dtype", GT_INT(GT_F64)}));
}

gt_tensor *gt_unreduced(gt_frame *f, gt_call *c, gt_tensor *reduced) {
  const gt_spec *x = &c->in_spec[0];
  unsigned dims;
  if (f->status == GT_OK) f->status = gt_reduced_dims(c, &dims);
  if (f->status != GT_OK) return NULL;
  bool keepdim = gt_attr_named(c, "keepdim")->i != 0;
  int64_t stride[GT_MAX_DIM];
  int from = 0;
  for (int d = 0; d < x->ndim; d++) {
    bool repeated = dims >> d & 1;
    stride[d] = repeated ? 0 : reduced->stride[from];
    if (!repeated || keepdim) from++;
  }
  return gt_view(f, reduced, x->ndim, x->shape, stride, reduced->offset);
}

void gt_give(gt_frame *f, gt_call *c, int i, gt_tensor *gradient) {
  if (f->status != GT_OK) return;
  const gt_spec *want = &c->in_spec[i];
  gt_spec have = gt_spec_of(gradient);
  if (!gt_same_shape(want, &have)) {
    gt_value shape = {.given = true, .dims = {.count = want->ndim}};
    memcpy(shape.dims.at, want->shape, sizeof want->shape);
    gradient = gt_op1_with(f, "sum_to", gradient, GT_ARGS({"shape", shape}));
  }
  if (want->dtype != have.dtype)
    gradient = gt_op1_with(f, "to", gradient, GT_ARGS({"dtype", GT_INT(want->dtype)}));
  if (gradient) c->gin[i] = gt_tensor_ref(gradient);
}

void gt_give_zero(gt_frame *f, gt_call *c, int i) {
  if (f->status != GT_OK) return;
  f->status = gt_tensor_zeros(c->cx, &c->in_spec[i], c->device, &c->gin[i]);
}

gt_status gt_give_slope(gt_frame *f, gt_call *c, gt_tensor *slope) {
  gt_give(f, c, 0, gt_op2(f, "mul", c->gout[0], slope));
  return gt_frame_end(f);
}

gt_status gt_rule_zero(gt_call *c) {
  gt_frame f = {.cx = c->cx};
  gt_give_zero(&f, c, 0);
  return gt_frame_end(&f);
}
