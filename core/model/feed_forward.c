/* feed_forward.c: the MLP of the GPT: y = proj_down(max(proj_up(x), 0)^2). */
#include "core/model/forward.h"
#include "core/model/gpt.h"
#include "core/model/nn.h"

static gt_status forward(gt_ctx *cx, gt_module *m, const gt_arguments *args, gt_tensor **out) {
  gt_tensor *x = NULL;
  gt_tensor *h = NULL;
  GT_TRY(gt_argument_tensor(cx, m, args, 0, "x", &x));
  GT_TRY(gt_child_call1(cx, m, "proj_up", x, &h));
  gt_status status = gt_replace(cx, "relu2", &h);
  if (status == GT_OK) status = gt_child_call1(cx, m, "proj_down", h, out);
  gt_tensor_unref(cx, h);
  return status;
}

const gt_module_class gt_class_feed_forward = {
    .name = "FeedForward",
    .size = sizeof(gt_module),
    .forward = forward,
    .parameters = "x",
};

gt_status gt_feed_forward_new(gt_ctx *cx, const gt_gpt_config *config, const gt_device *device,
                              gt_module **out) {
  GT_TRY(gt_gpt_config_check(cx, config));
  int64_t width = config->hidden_dim;
  int64_t inner = width * config->mlp_ratio;
  gt_module *m = NULL;
  GT_TRY(gt_module_new(cx, &gt_class_feed_forward, &m));
  gt_status status = gt_linear_add(cx, m, "proj_up", width, inner, device);
  if (status == GT_OK) status = gt_linear_add(cx, m, "proj_down", inner, width, device);
  if (status == GT_OK)
    *out = m;
  else
    gt_module_unref(cx, m);
  return status;
}
