/* sgd.c: gradient descent with PyTorch's momentum, Nesterov and coupled weight decay.
 *
 *   g <- g + wd p;  m <- momentum m + g;  p <- p - lr (nesterov ? g + momentum m : m) */
#include "core/tensor/run.h"
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

static gt_status add_scaled(gt_ctx *cx, gt_tensor *a, gt_tensor *b, double alpha, gt_tensor **out) {
  return gt_apply2(cx, "add", a, b, GT_ARGS({"alpha", GT_FLOAT(alpha)}), out);
}

static gt_status update_one(gt_ctx *cx, gt_tensor *p, gt_tensor *buffer, const gt_value *hyper) {
  double momentum = hyper[MOMENTUM].f;
  gt_tensor *decayed = NULL;
  gt_tensor *mean = NULL;
  gt_tensor *ahead = NULL;
  gt_tensor *g = p->grad;
  gt_status status = GT_OK;
  if (hyper[WEIGHT_DECAY].f != 0) {
    status = add_scaled(cx, g, p, hyper[WEIGHT_DECAY].f, &decayed);
    g = decayed;
  }
  if (status == GT_OK && momentum != 0) status = add_scaled(cx, g, buffer, momentum, &mean);
  if (status == GT_OK && mean && hyper[NESTEROV].i)
    status = add_scaled(cx, g, mean, momentum, &ahead);
  if (status == GT_OK)
    status = gt_update_add(cx, p, ahead ? ahead : mean ? mean : g, -hyper[LR].f, p);
  if (status == GT_OK && mean) status = gt_copy(cx, buffer, mean);
  gt_tensor_unref(cx, decayed);
  gt_tensor_unref(cx, mean);
  gt_tensor_unref(cx, ahead);
  return status;
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
