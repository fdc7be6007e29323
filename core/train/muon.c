/* muon.c: momentum, orthogonalised (Jordan et al., kellerjordan.github.io/posts/muon).
 *
 *   m <- momentum m + (1 - momentum) g
 *   u  = nesterov ? (1 - momentum) g + momentum m : m
 *   p <- p (1 - lr wd) - lr sqrt(max(1, rows/cols)) NewtonSchulz(u)
 *
 * A parameter with more than two dimensions is one matrix (shape[0], the rest). */
#include "core/model/forward.h"
#include "core/tensor/run.h"
#include "core/train/optim.h"
#include "core/train/update.h"

#include <math.h>

enum { LR, MOMENTUM, NESTEROV, NS_STEPS, NS_DTYPE, WEIGHT_DECAY };
enum { NS_BF16, NS_F32 }; /* choices of ns_dtype */

static const gt_hyper hypers[] = {
    [LR] = {"lr", GT_FLOAT(0.02), GT_ATTR_FLOAT, .high = INFINITY},
    [MOMENTUM] = {"momentum", GT_FLOAT(0.95), GT_ATTR_FLOAT, .high = 1, .below = true},
    [NESTEROV] = {"nesterov", GT_INT(1), GT_ATTR_BOOL},
    [NS_STEPS] = {"ns_steps", GT_INT(5), GT_ATTR_INT, .low = 1, .high = 100},
    [NS_DTYPE] = {"ns_dtype", GT_INT(NS_BF16), GT_ATTR_CHOICE, .choices = "bf16|f32"},
    [WEIGHT_DECAY] = {"weight_decay", GT_FLOAT(0), GT_ATTR_FLOAT, .high = INFINITY},
};

static const char *const states[] = {"momentum_buffer"};

static gt_status check(gt_ctx *cx, const gt_tensor *p) {
  gt_spec spec = gt_spec_of(p);
  char text[GT_SHAPE_TEXT];
  if (p->ndim >= 2) return GT_OK;
  return gt_fail(cx, GT_ESHAPE,
                 "Muon: expected matrices, got a parameter %s; give vectors to another optimizer",
                 gt_shape_text(&spec, text));
}

/* The direction before orthogonalisation; the buffer m is updated on the way. */
static gt_status momentum(gt_ctx *cx, gt_tensor *g, gt_tensor *m, const gt_value *hyper,
                          gt_tensor **out) {
  double mu = hyper[MOMENTUM].f;
  GT_TRY(gt_update_lerp(cx, m, g, 1 - mu));
  if (hyper[NESTEROV].i) return gt_apply2(cx, "lerp", g, m, GT_ARGS({"weight", GT_FLOAT(mu)}), out);
  *out = gt_tensor_ref(m);
  return GT_OK;
}

/* The nearest orthogonal matrix to t seen as (shape[0], the rest), in t's shape. */
static gt_status orthogonalise(gt_ctx *cx, gt_tensor *t, const gt_value *hyper, gt_tensor **out) {
  int64_t rows = t->shape[0];
  gt_dtype dtype = hyper[NS_DTYPE].i == NS_F32 ? GT_F32 : GT_BF16;
  gt_tensor *matrix = NULL;
  gt_tensor *flat = NULL;
  gt_status status =
      gt_reshape(cx, t, 2, (int64_t[]){rows, rows ? gt_count(t) / rows : 0}, &matrix);
  if (status == GT_OK)
    status = gt_apply1(cx, "newton_schulz", matrix,
                       GT_ARGS({"steps", hyper[NS_STEPS]}, {"dtype", GT_INT(dtype)}), &flat);
  if (status == GT_OK) status = gt_reshape(cx, flat, t->ndim, t->shape, out);
  gt_tensor_unref(cx, matrix);
  gt_tensor_unref(cx, flat);
  return status;
}

static gt_status update(gt_ctx *cx, gt_tensor *p, gt_tensor *g, gt_tensor **state, int64_t step,
                        const gt_value *hyper) {
  (void)step;
  gt_tensor *direction = NULL;
  gt_tensor *orthogonal = NULL;
  double rows = (double)p->shape[0];
  double cols = rows > 0 ? (double)gt_count(p) / rows : 0;
  double lr = hyper[LR].f;
  gt_status status = momentum(cx, g, state[0], hyper, &direction);
  if (status == GT_OK) status = orthogonalise(cx, direction, hyper, &orthogonal);
  if (status == GT_OK && hyper[WEIGHT_DECAY].f != 0)
    status = gt_update_scale(cx, p, 1 - lr * hyper[WEIGHT_DECAY].f);
  if (status == GT_OK)
    status = gt_update_add(cx, p, orthogonal, -lr * sqrt(fmax(1, rows / cols)), p);
  gt_tensor_unref(cx, direction);
  gt_tensor_unref(cx, orthogonal);
  return status;
}

const gt_optimizer_class gt_muon = {
    .name = "Muon",
    .hypers = hypers,
    .hyper_count = GT_COUNT(hypers),
    .states = states,
    .state_count = GT_COUNT(states),
    .check = check,
    .update = update,
    .split_by_size = true,
    .needs_gradient = true,
};
