/* feed_forward.c: the MLP of the GPT: y = proj_down(f(proj_up(x))), f = max(x, 0)^2 by default. */
#include "core/model/forward.h"
#include "core/model/gpt.h"
#include "core/model/nn.h"
#include "core/tensor/run.h"

typedef struct feed_forward {
  gt_module module;
  int64_t activation;
  double dropout;
} feed_forward;

static gt_status activate(gt_ctx *cx, int64_t activation, gt_tensor **x) {
  static const char *const ops[] = {[GT_ACTIVATION_RELU2] = "relu2",
                                    [GT_ACTIVATION_GELU] = "gelu",
                                    [GT_ACTIVATION_GELU_TANH] = "gelu",
                                    [GT_ACTIVATION_SILU] = "silu"};
  if (activation != GT_ACTIVATION_GELU_TANH) return gt_replace(cx, ops[activation], NULL, x);
  gt_value tanh_form = gt_choice(cx, "gelu", "approximate", "tanh");
  return gt_replace(cx, "gelu", GT_ARGS({"approximate", tanh_form}), x);
}

static gt_status forward(gt_ctx *cx, gt_module *m, const gt_arguments *args, gt_tensor **out) {
  const feed_forward *ff = (const feed_forward *)m;
  gt_tensor *x = NULL;
  gt_tensor *h = NULL;
  gt_tensor *y = NULL;
  GT_TRY(gt_argument_tensor(cx, m, args, 0, "x", &x));
  GT_TRY(gt_child_call1(cx, m, "proj_up", x, &h));
  gt_status status = activate(cx, ff->activation, &h);
  if (status == GT_OK) status = gt_child_call1(cx, m, "proj_down", h, &y);
  gt_tensor_unref(cx, h);
  if (status == GT_OK) status = gt_dropout(cx, m, ff->dropout, &y);
  if (status == GT_OK)
    *out = y;
  else
    gt_tensor_unref(cx, y);
  return status;
}

const gt_module_class gt_class_feed_forward = {
    .name = "FeedForward",
    .size = sizeof(feed_forward),
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
  ((feed_forward *)m)->activation = config->activation;
  ((feed_forward *)m)->dropout = config->dropout;
  gt_status status = gt_linear_add(cx, m, "proj_up", width, inner, config->bias, device);
  if (status == GT_OK)
    status = gt_linear_add(cx, m, "proj_down", inner, width, config->bias, device);
  if (status == GT_OK)
    *out = m;
  else
    gt_module_unref(cx, m);
  return status;
}
