/* block.c: one layer of the GPT, pre-norm with residuals:
 *
 *   x = x + attn(norm1(x), cos_sin)
 *   x = x + ff(norm2(x)) */
#include "core/model/forward.h"
#include "core/model/gpt.h"
#include "core/model/nn.h"
#include "core/tensor/run.h"

/* x + child(norm(x), rest of the arguments). */
static gt_status residual(gt_ctx *cx, gt_module *m, const char *norm, const char *name,
                          gt_tensor *x, const gt_arguments *rest, gt_tensor **out) {
  gt_tensor *normed = NULL;
  gt_tensor *y = NULL;
  GT_TRY(gt_norm_call(cx, m, norm, x, &normed));
  gt_arguments args = *rest;
  args.arg[0] = (gt_argument){.count = 1, .at = {normed}};
  gt_status status = gt_child_call(cx, m, name, &args, &y);
  gt_tensor_unref(cx, normed);
  if (status == GT_OK) status = gt_apply2(cx, "add", x, y, NULL, out);
  gt_tensor_unref(cx, y);
  return status;
}

static gt_status forward(gt_ctx *cx, gt_module *m, const gt_arguments *args, gt_tensor **out) {
  gt_tensor *x = NULL;
  gt_tensor *mixed = NULL;
  gt_arguments alone = {.count = 1};
  GT_TRY(gt_argument_tensor(cx, m, args, 0, "x", &x));
  GT_TRY(residual(cx, m, "norm1", "attn", x, args, &mixed));
  gt_status status = residual(cx, m, "norm2", "ff", mixed, &alone, out);
  gt_tensor_unref(cx, mixed);
  return status;
}

const gt_module_class gt_class_block = {
    .name = "TransformerBlock",
    .size = sizeof(gt_module),
    .forward = forward,
    .parameters = "x, cos_sin",
};

static gt_status build(gt_ctx *cx, gt_module *m, const gt_gpt_config *config,
                       const gt_device *device) {
  gt_module *child = NULL;
  GT_TRY(gt_norm_add(cx, m, "norm1", config, device));
  GT_TRY(gt_attention_new(cx, config, device, &child));
  GT_TRY(gt_module_adopt(cx, m, "attn", child));
  GT_TRY(gt_norm_add(cx, m, "norm2", config, device));
  GT_TRY(gt_feed_forward_new(cx, config, device, &child));
  return gt_module_adopt(cx, m, "ff", child);
}

gt_status gt_block_new(gt_ctx *cx, const gt_gpt_config *config, const gt_device *device,
                       gt_module **out) {
  gt_module *m = NULL;
  GT_TRY(gt_gpt_config_check(cx, config));
  GT_TRY(gt_module_new(cx, &gt_class_block, &m));
  gt_status status = build(cx, m, config, device);
  if (status == GT_OK)
    *out = m;
  else
    gt_module_unref(cx, m);
  return status;
}

/* ---- the norms of blocks and model ---- */

gt_status gt_norm_add(gt_ctx *cx, gt_module *m, const char *name, const gt_gpt_config *config,
                      const gt_device *device) {
  gt_module *norm = NULL;
  if (config->norm != GT_NORM_LAYER) return GT_OK;
  GT_TRY(
      gt_layer_norm_new(cx, config->hidden_dim, 1e-5, true, config->bias, GT_F32, device, &norm));
  return gt_module_adopt(cx, m, name, norm);
}

gt_status gt_norm_call(gt_ctx *cx, const gt_module *m, const char *name, gt_tensor *x,
                       gt_tensor **out) {
  if (gt_module_child(m, name)) return gt_child_call1(cx, m, name, x, out);
  return gt_apply1(cx, "rms_norm", x, NULL, out);
}
