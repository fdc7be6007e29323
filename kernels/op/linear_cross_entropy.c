/* linear_cross_entropy: cross_entropy(x W^T, targets) with x (N, C), W (V, C), without ever holding
 * the (N, V) logits.  Logits that fit one block of the kernel are kept for the backward, as a
 * hidden output. */
#include "kernels/cpu/gemm.h"
#include "kernels/cpu/kernels.h"
#include "kernels/op/loss.h"

static gt_status infer(gt_call *c) {
  const gt_spec *x = &c->in_spec[0], *w = &c->in_spec[1];
  char x_text[GT_SHAPE_TEXT], w_text[GT_SHAPE_TEXT];
  if (!gt_dtype_is_float(x->dtype) || !gt_dtype_is_float(w->dtype))
    return gt_fail(c->cx, GT_EDTYPE,
                   "linear_cross_entropy: expected floating-point x and weight, got %s and %s",
                   gt_dtype_name(x->dtype), gt_dtype_name(w->dtype));
  if (x->ndim != 2 || w->ndim != 2 || x->shape[1] != w->shape[1])
    return gt_fail(c->cx, GT_ESHAPE,
                   "linear_cross_entropy: expected x (N, C) and weight (V, C), got %s and %s",
                   gt_shape_text(x, x_text), gt_shape_text(w, w_text));
  GT_TRY(gt_ce_infer(c, 2, x->shape[0], c->dtype));
  int64_t N = x->shape[0], V = w->shape[0], kept = gt_lce_keeps_logits(N, V) ? N * V : 0;
  return gt_out_spec(c, 2, c->dtype, 1, &kept);
}

static const gt_setting attrs[] = {GT_CE_ATTRS};

const gt_op gt_op_linear_cross_entropy = {
    .name = "linear_cross_entropy",
    .doc = "cross_entropy(x times the transpose of weight, targets) without holding the logits",
    .inputs = "x, weight, targets",
    .where = "F",
    .nin = 3,
    .nout = 3,
    .hidden = 2,
    .autocast = true,
    .compute = GT_REALS,
    .direct = gt_gemm_is_bf16,
    .numeric = 3,
    .differentiable = 3,
    .save_in = 7,
    .save_out = 6,
    .attrs = attrs,
    .attr_count = GT_COUNT(attrs),
    .infer = infer,
    .scratch = gt_cpu_linear_cross_entropy_scratch,
    .forward = gt_cpu_linear_cross_entropy_forward,
    .backward = gt_cpu_linear_cross_entropy_backward,
};
