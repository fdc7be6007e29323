/* sgd.c: gradient descent with PyTorch's momentum, Nesterov and coupled weight decay.
 *
 *   g <- g + wd p;  m <- momentum m + g;  p <- p - lr (nesterov ? g + momentum m : m) */
#include "core/tensor/frame.h"
#include "core/train/optim.h"
#include "core/train/update.h"

#include <math.h>

enum { LR, MOMENTUM, WEIGHT_DECAY, NESTEROV };

static const gt_setting hypers[] = {
    [LR] = {"lr", GT_SETTING_FLOAT, GT_FLOAT(1e-3), .high = INFINITY, .doc = "learning rate"},
    [MOMENTUM] = {"momentum", GT_SETTING_FLOAT, GT_FLOAT(0), .high = INFINITY,
                  .doc = "part of the last update that the next one keeps"},
    [WEIGHT_DECAY] = {"weight_decay", GT_SETTING_FLOAT, GT_FLOAT(0), .high = INFINITY,
                      .doc = "weight_decay w is added to the gradient"},
    [NESTEROV] = {"nesterov", GT_SETTING_BOOL, GT_INT(0), .doc = "looks ahead by the momentum"},
};

static const char *const states[] = {"momentum_buffer"};

static gt_status check_hyper(gt_ctx *cx, const gt_value *hyper) {
  if (!hyper[NESTEROV].i || hyper[MOMENTUM].f > 0) return GT_OK;
  return gt_fail(cx, GT_EARG, "SGD: expected momentum > 0 with nesterov = true, got 0");
}

static bool stateless(const gt_value *hyper) { return hyper[MOMENTUM].f == 0; }

static gt_tensor *add_scaled(gt_frame *f, gt_tensor *a, gt_tensor *b, double alpha) {
  return gt_op2_with(f, "add", a, b, GT_ARGS({"alpha", GT_FLOAT(alpha)}));
}

static gt_status update_one(gt_ctx *cx, gt_tensor *p, gt_tensor *buffer, const gt_value *hyper) {
  double momentum = hyper[MOMENTUM].f, decay = hyper[WEIGHT_DECAY].f;
  gt_frame f = {.cx = cx};
  gt_tensor *g = decay == 0 ? p->grad : add_scaled(&f, p->grad, p, decay);
  gt_tensor *mean = momentum == 0 ? g : add_scaled(&f, g, buffer, momentum);
  gt_tensor *step = hyper[NESTEROV].i ? add_scaled(&f, g, mean, momentum) : mean;
  if (f.status == GT_OK) f.status = gt_update_add(cx, p, step, -hyper[LR].f, p);
  if (f.status == GT_OK && momentum != 0) f.status = gt_copy(cx, buffer, mean);
  return gt_frame_end(&f);
}

static gt_status update(gt_ctx *cx, int count, gt_tensor *const *p, gt_tensor *const *state,
                        const int64_t *steps, const gt_value *hyper) {
  (void)steps;
  for (int i = 0; i < count; i++) GT_TRY(update_one(cx, p[i], state[i], hyper));
  return GT_OK;
}

const gt_optimizer_class gt_sgd = {
    .name = "SGD",
    .doc = "optim.SGD(params[, {lr = 0.001, momentum = 0, nesterov = false, weight_decay = 0}]) -> "
           "an optimizer: w -= lr g, with\n"
           "momentum w -= lr v, v = momentum v + g.",
    .family = "sgd",
    .hypers = hypers,
    .hyper_count = GT_COUNT(hypers),
    .states = states,
    .state_count = GT_COUNT(states),
    .check_hyper = check_hyper,
    .update = update,
    .stateless = stateless,
};
