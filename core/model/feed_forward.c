/* feed_forward.c: the MLP of the GPT: y = proj_down(f(proj_up(x))), f = max(x, 0)^2 by default. */
#include "core/model/block.h"
#include "core/model/nn.h"

typedef struct feed_forward {
  gt_module module;
  gt_gpt_config config;
} feed_forward;

static gt_tensor *activate(gt_frame *f, int64_t activation, gt_tensor *x) {
  switch (activation) {
  case GT_ACTIVATION_GELU:
    return gt_op1(f, "gelu", x);
  case GT_ACTIVATION_GELU_TANH:
    return gt_op1_with(f, "gelu", x,
                       GT_ARGS({"approximate", gt_choice(f->cx, "gelu", "approximate", "tanh")}));
  case GT_ACTIVATION_SILU:
    return gt_op1(f, "silu", x);
  default:
    return gt_op1(f, "relu2", x);
  }
}

static gt_status forward(gt_ctx *cx, gt_module *m, const gt_arguments *args, gt_tensor **out) {
  const gt_gpt_config *config = &((const feed_forward *)m)->config;
  gt_frame f = {.cx = cx};
  gt_tensor *x = gt_argument_tensor(&f, m, args, 0, "x");
  x = gt_child(&f, m, "proj_up", x); /* (..., C) -> (..., mlp_ratio C) */
  x = activate(&f, config->activation, gt_last(&f, x));
  x = gt_child(&f, m, "proj_down", gt_last(&f, x)); /* (..., C) */
  x = gt_dropout(&f, m, config->dropout, gt_last(&f, x));
  return gt_frame_return(&f, x, out);
}

const gt_module_class gt_class_feed_forward = {
    .name = "FeedForward",
    .size = sizeof(feed_forward),
    .forward = forward,
    .parameters = "x",
};

static gt_status build(gt_ctx *cx, gt_module *m, const gt_backend *device) {
  const gt_gpt_config *config = &((const feed_forward *)m)->config;
  int64_t width = config->hidden_dim, inner = width * config->mlp_ratio;
  GT_TRY(gt_linear_add(cx, m, "proj_up", width, inner, config->bias, device));
  return gt_linear_add(cx, m, "proj_down", inner, width, config->bias, device);
}

gt_status gt_feed_forward_new(gt_ctx *cx, const gt_gpt_config *config, const gt_backend *device,
                              gt_module **out) {
  gt_module *m = NULL;
  GT_TRY(gt_module_new(cx, &gt_class_feed_forward, &m));
  ((feed_forward *)m)->config = *config;
  return gt_module_built(cx, m, build(cx, m, device), out);
}
