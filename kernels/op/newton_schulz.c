/* newton_schulz: brings the singular values of each matrix (R, C) near 1 by the odd quintic
 * iteration of Muon (Jordan et al., kellerjordan.github.io/posts/muon; Higham, Functions of
 * Matrices, ch. 8).
 *
 *   X <- g or its transpose, so that rows <= columns;  X <- X / (|X| + 1e-7)
 *   `steps` times:  A = X X^T,  B = b A + (c A) A,  X <- a X + B X
 *
 * dtype = bf16 rounds every product, sum and scaling to bf16 where a chain of bf16 tensors would be
 * rounded, with sums in f32; dtype = f32 keeps full precision (f64 for f64 input). */
#include "kernels/cpu/kernels.h"
#include "kernels/op/attributes.h"

static gt_status infer(gt_call *c) {
  const gt_spec *g = &c->in_spec[0];
  char text[GT_SHAPE_TEXT];
  if (!gt_dtype_is_float(g->dtype))
    return gt_fail(c->cx, GT_EDTYPE, "newton_schulz: expected a floating-point g, got %s",
                   gt_dtype_name(g->dtype));
  if (g->ndim < 2)
    return gt_fail(c->cx, GT_ESHAPE, "newton_schulz: expected matrices (..., R, C), got %s",
                   gt_shape_text(g, text));
  if (c->attr[GT_NS_STEPS].i < 0 || c->attr[GT_NS_STEPS].i > 1000)
    return gt_fail(c->cx, GT_EARG, "newton_schulz: expected 0 to 1000 steps, got %lld",
                   (long long)c->attr[GT_NS_STEPS].i);
  if (c->attr[GT_NS_DTYPE].i != GT_BF16 && c->attr[GT_NS_DTYPE].i != GT_F32)
    return gt_fail(c->cx, GT_EARG, "newton_schulz: expected dtype bf16 or f32, got %s",
                   gt_dtype_short((gt_dtype)c->attr[GT_NS_DTYPE].i));
  return gt_out_like(c, 0, 0);
}

static const gt_setting attrs[] = {
    {.name = "steps",
     .type = GT_SETTING_INT,
     .preset = {.given = true, .i = 5},
     .doc = "number of iterations"},
    {.name = "dtype",
     .type = GT_SETTING_DTYPE,
     .preset = {.given = true, .i = GT_BF16},
     .doc = "precision of the iteration: bf16 or f32"},
    {.name = "a", .type = GT_SETTING_FLOAT, .preset = {.f = 3.4445}, .doc = "coefficient of X"},
    {.name = "b", .type = GT_SETTING_FLOAT, .preset = {.f = -4.7750}, .doc = "of X X^T X"},
    {.name = "c", .type = GT_SETTING_FLOAT, .preset = {.f = 2.0315}, .doc = "of (X X^T)^2 X"},
};

const gt_op gt_op_newton_schulz = {
    .name = "newton_schulz",
    .doc = "matrices (..., R, C) with their singular values brought near 1: Muon's iteration",
    .inputs = "g",
    .where = "F",
    .nin = 1,
    .nout = 1,
    .compute = GT_REALS,
    .numeric = 1,
    .attrs = attrs,
    .attr_count = GT_COUNT(attrs),
    .infer = infer,
    .scratch = gt_cpu_newton_schulz_scratch,
    .forward = gt_cpu_newton_schulz_forward,
};
