/* sgd.c: gradient descent with PyTorch's momentum, Nesterov and coupled weight decay.
 *
 *   g <- g + wd p;  m <- momentum m + g;  p <- p - lr (nesterov ? g + momentum m : m) */
#include "core/tensor/run.h"
#include "core/train/optim.h"
#include "core/train/update.h"

#include <math.h>

enum { LR, MOMENTUM, WEIGHT_DECAY, NESTEROV };

static const gt_hyper hypers[] = {
    [LR] = {"lr", GT_FLOAT(1e-3), GT_ATTR_FLOAT, .high = INFINITY},
    [MOMENTUM] = {"momentum", GT_FLOAT(0), GT_ATTR_FLOAT, .high = INFINITY},
    [WEIGHT_DECAY] = {"weight_decay", GT_FLOAT(0), GT_ATTR_FLOAT, .high = INFINITY},
    [NESTEROV] = {"nesterov", GT_INT(0), GT_ATTR_BOOL},
};

static const char *const states[] = {"momentum_buffer"};

static bool stateless(const gt_value *hyper) { return hyper[MOMENTUM].f == 0; }

static gt_status add_scaled(gt_ctx *cx, gt_tensor *a, gt_tensor *b, double alpha, gt_tensor **out) {
  return gt_apply2(cx, "add", a, b, GT_ARGS({"alpha", GT_FLOAT(alpha)}), out);
}

static gt_status update(gt_ctx *cx, gt_tensor *p, gt_tensor *g, gt_tensor **state, int64_t step,
                        const gt_value *hyper) {
  (void)step;
  double momentum = hyper[MOMENTUM].f;
  gt_tensor *made[2] = {NULL};
  gt_tensor *direction = g;
  gt_status status = GT_OK;
  if (hyper[WEIGHT_DECAY].f != 0) {
    status = add_scaled(cx, g, p, hyper[WEIGHT_DECAY].f, &made[0]);
    direction = made[0];
  }
  if (status == GT_OK && momentum != 0) {
    status = gt_update_add(cx, direction, state[0], momentum, state[0]);
    if (status == GT_OK && hyper[NESTEROV].i)
      status = add_scaled(cx, direction, state[0], momentum, &made[1]);
    direction = hyper[NESTEROV].i ? made[1] : state[0];
  }
  if (status == GT_OK) status = gt_update_add(cx, p, direction, -hyper[LR].f, p);
  for (int i = 0; i < 2; i++) gt_tensor_unref(cx, made[i]);
  return status;
}

const gt_optimizer_class gt_sgd = {
    .name = "SGD",
    .hypers = hypers,
    .hyper_count = GT_COUNT(hypers),
    .states = states,
    .state_count = GT_COUNT(states),
    .update = update,
    .stateless = stateless,
};
