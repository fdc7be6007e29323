/* block.c: one layer of the GPT, pre-norm with residuals:
 *
 *   x = x + attn(norm1(x), cos_sin)
 *   x = x + ff(norm2(x)) */
#include "core/model/block.h"

#include "core/model/nn.h"

static gt_status forward(gt_ctx *cx, gt_module *m, const gt_arguments *args, gt_tensor **out) {
  gt_frame f = {.cx = cx};
  gt_tensor *x = gt_argument_tensor(&f, m, args, 0, "x"); /* (B, T, C), as all that follow */
  gt_tensor *y = gt_norm(&f, m, "norm1", x);
  y = gt_child_with(&f, m, "attn", gt_last(&f, y), args);
  x = gt_op2(&f, "add", x, gt_last(&f, y));
  y = gt_norm(&f, m, "norm2", x);
  y = gt_child(&f, m, "ff", gt_last(&f, y));
  x = gt_op2(&f, "add", x, y);
  return gt_frame_return(&f, x, out);
}

const gt_module_class gt_class_block = {
    .name = "TransformerBlock",
    .size = sizeof(gt_module),
    .forward = forward,
    .parameters = "x, cos_sin",
};

static gt_status build(gt_ctx *cx, gt_module *m, const gt_gpt_config *config,
                       const gt_backend *device) {
  gt_module *child = NULL;
  GT_TRY(gt_norm_add(cx, m, "norm1", config, device));
  GT_TRY(gt_attention_new(cx, config, device, &child));
  GT_TRY(gt_module_adopt(cx, m, "attn", child));
  GT_TRY(gt_norm_add(cx, m, "norm2", config, device));
  GT_TRY(gt_feed_forward_new(cx, config, device, &child));
  return gt_module_adopt(cx, m, "ff", child);
}

gt_status gt_block_new(gt_ctx *cx, const gt_gpt_config *config, const gt_backend *device,
                       gt_module **out) {
  gt_module *m = NULL;
  GT_TRY(gt_module_new(cx, &gt_class_block, &m));
  return gt_module_built(cx, m, build(cx, m, config, device), out);
}

/* ---- the norms of blocks and model ---- */

gt_status gt_norm_add(gt_ctx *cx, gt_module *m, const char *name, const gt_gpt_config *config,
                      const gt_backend *device) {
  gt_module *norm = NULL;
  if (config->norm != GT_NORM_LAYER) return GT_OK;
  GT_TRY(
      gt_layer_norm_new(cx, config->hidden_dim, 1e-5, true, config->bias, GT_F32, device, &norm));
  return gt_module_adopt(cx, m, name, norm);
}

gt_tensor *gt_norm(gt_frame *f, const gt_module *m, const char *name, gt_tensor *x) {
  return gt_module_child(m, name) ? gt_child(f, m, name, x) : gt_op1(f, "rms_norm", x);
}
