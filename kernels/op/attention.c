/* attention: softmax(scale Q K^T) V per head.  Saves lse = log sum exp(scale Q K^T) of every query.
 * With P = exp(scale Q K^T - lse), D_i = sum(dy_i y_i):
 *   dV = P^T dY,  dS = P (dY V^T - D),  dQ = scale dS K,  dK = scale dS^T Q.
 *
 * Causal means key j <= query i + offset, counted from the first of each; offset 0 is what PyTorch
 * does when T != S, and `offset` keys that came before the queries make a cache.
 * Dropout multiplies P by a mask m of 0 and 1 / (1 - p) before it meets V: word ((b H + h) T + i) S
 * + j of a random stream decides (as the op dropout does on P), in the backward again: dV = (m P)^T
 * dY,  dS = P (m dY V^T - D).  Grouped queries: head h reads key head h / (H / Hkv). */
#include "kernels/cpu/kernels.h"
#include "kernels/op/arithmetic.h"
#include "kernels/op/attributes.h"
#include "kernels/op/shape.h"

enum { MAX_CHANNELS = 1 << 20 }; /* with INT32_MAX tokens no size below overflows */

static gt_status check_shapes(gt_call *c, int heads) {
  const gt_spec *q = &c->in_spec[0], *k = &c->in_spec[1], *v = &c->in_spec[2];
  char text[3][GT_SHAPE_TEXT];
  const char *layout = heads == 1 ? "(B, H, T, D)" : "(B, T, H, D)";
  for (int i = 0; i < 3; i++) {
    const gt_spec *x = &c->in_spec[i];
    if (!gt_dtype_is_float(x->dtype))
      return gt_fail(c->cx, GT_EDTYPE, "attention: expected floating-point tensors, got %s",
                     gt_dtype_name(x->dtype));
    if (x->ndim != 4)
      return gt_fail(c->cx, GT_ESHAPE, "attention: expected tensors %s, got %s", layout,
                     gt_shape_text(x, text[0]));
  }
  if (k->shape[0] != q->shape[0] || k->shape[3] != q->shape[3] || !gt_same_shape(k, v))
    return gt_fail(c->cx, GT_ESHAPE,
                   "attention: expected q, k, v %s with one B and D, k and v of one shape, "
                   "got %s, %s, %s",
                   layout, gt_shape_text(q, text[0]), gt_shape_text(k, text[1]),
                   gt_shape_text(v, text[2]));
  if (gt_max(q->shape[3 - heads], k->shape[3 - heads]) > INT32_MAX || q->shape[3] > MAX_CHANNELS)
    return gt_fail(c->cx, GT_ESHAPE,
                   "attention: expected at most %d tokens of %d channels, got %s and %s", INT32_MAX,
                   MAX_CHANNELS, gt_shape_text(q, text[0]), gt_shape_text(k, text[1]));
  int64_t H = q->shape[heads], Hkv = k->shape[heads];
  if (Hkv == 0 ? H != 0 : H % Hkv != 0)
    return gt_fail(c->cx, GT_ESHAPE, "attention: expected a multiple of %lld query heads, got %lld",
                   (long long)Hkv, (long long)H);
  return GT_OK;
}

static gt_status infer(gt_call *c) {
  const gt_spec *q = &c->in_spec[0];
  int heads = c->attr[GT_ATTENTION_LAYOUT].i == GT_ATTENTION_BHTD ? 1 : 2;
  GT_TRY(check_shapes(c, heads));
  if (c->attr[GT_ATTENTION_OFFSET].i < 0 || c->attr[GT_ATTENTION_OFFSET].i > INT32_MAX)
    return gt_fail(c->cx, GT_EARG, "attention: expected offset in 0 ... 2147483647, got %lld",
                   (long long)c->attr[GT_ATTENTION_OFFSET].i);
  GT_TRY(gt_check_dropout(c, c->attr[GT_ATTENTION_DROPOUT].f));
  GT_TRY(gt_out_like(c, 0, 0));
  int64_t lse[3] = {q->shape[0], q->shape[heads], q->shape[3 - heads]};
  return gt_out_spec(c, 1, c->dtype, 3, lse);
}

static const gt_setting attrs[] = {
    {.name = "layout",
     .type = GT_SETTING_CHOICE,
     .choices = "bthd|bhtd",
     .doc = "order of dimensions: (B, T, H, D) or (B, H, T, D)"},
    {.name = "is_causal", .type = GT_SETTING_BOOL, .doc = "query i sees keys 0 ... i only"},
    {.name = "scale",
     .type = GT_SETTING_FLOAT,
     .doc = "factor of the scores; 1 / sqrt(D) if not given"},
    {.name = "offset",
     .type = GT_SETTING_INT,
     .preset = {.given = true},
     .doc = "of is_causal: query i sees keys 0 ... i + offset"},
    {.name = "dropout", .type = GT_SETTING_FLOAT, .doc = "probability of a weight to become 0"},
    {.name = "seed",
     .type = GT_SETTING_INT,
     .preset = {.given = true},
     .doc = "of dropout: key of the random words"},
    {.name = "stream",
     .type = GT_SETTING_INT,
     .preset = {.given = true},
     .doc = "of dropout: which stream of them"},
};

const gt_op gt_op_attention = {
    .name = "attention",
    .doc = "softmax(scale q k^T) v per head",
    .inputs = "q, k, v",
    .where = "",
    .nin = 3,
    .nout = 2,
    .hidden = 1,
    .autocast = true,
    .compute = GT_REALS,
    .direct = gt_cpu_attention_is_bf16,
    .numeric = 7,
    .strided = 7,
    .differentiable = 7,
    .save_in = 7,
    .save_out = 3,
    .attrs = attrs,
    .attr_count = GT_COUNT(attrs),
    .infer = infer,
    .scratch = gt_cpu_attention_scratch,
    .forward = gt_cpu_attention_forward,
    .backward = gt_cpu_attention_backward,
};
