/* muon.c: momentum, orthogonalised (Jordan et al., kellerjordan.github.io/posts/muon).
 *
 *   m <- momentum m + (1 - momentum) g
 *   u  = nesterov ? (1 - momentum) g + momentum m : m
 *   p <- p (1 - lr wd) - lr sqrt(max(1, rows/cols)) NewtonSchulz(u)
 *
 * A parameter with more than two dimensions is one matrix (shape[0], the rest).  Small matrices of
 * one shape go through the iteration together: one of them alone does not fill the cores. */
#include "core/tensor/frame.h"
#include "core/train/optim.h"
#include "core/train/update.h"

#include <math.h>
#include <stdlib.h>

enum { LR, MOMENTUM, NESTEROV, NS_STEPS, NS_DTYPE, WEIGHT_DECAY };
enum { NS_BF16, NS_F32 }; /* choices of ns_dtype */
enum { BATCH_ELEMENTS = 1 << 20 };

static const gt_setting hypers[] = {
    [LR] = {"lr", GT_SETTING_FLOAT, GT_FLOAT(0.02), .high = INFINITY, .doc = "learning rate"},
    [MOMENTUM] = {"momentum", GT_SETTING_FLOAT, GT_FLOAT(0.95), .high = 1, .below = true,
                  .doc = "decay of the moving average of gradients"},
    [NESTEROV] = {"nesterov", GT_SETTING_BOOL, GT_INT(1),
                  .doc = "looks ahead: mixes the gradient into the average once more"},
    [NS_STEPS] = {"ns_steps", GT_SETTING_INT, GT_INT(5), .low = 1, .high = 100,
                  .doc = "Newton-Schulz iterations"},
    [NS_DTYPE] = {"ns_dtype", GT_SETTING_CHOICE, GT_INT(NS_BF16), .choices = "bf16|f32",
                  .doc = "of these iterations"},
    [WEIGHT_DECAY] = {"weight_decay", GT_SETTING_FLOAT, GT_FLOAT(0), .high = INFINITY,
                      .doc = "each step takes lr weight_decay w off"},
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

/* Views of the matrices of a block (count, rows, cols) in the shape of the parameter p. */
static gt_status cut_slices(gt_ctx *cx, gt_tensor *block, const gt_tensor *p, int count,
                            gt_tensor **out) {
  int64_t stride[GT_MAX_DIM];
  int64_t size = 1;
  for (int d = p->ndim - 1; d >= 0; d--) {
    stride[d] = size;
    size *= p->shape[d];
  }
  for (int i = 0; i < count; i++)
    GT_TRY(gt_tensor_view(cx, block, p->ndim, p->shape, stride, block->offset + i * size, &out[i]));
  return GT_OK;
}

static void drop_slices(gt_ctx *cx, gt_tensor **slice, int count) {
  for (int i = 0; i < count; i++) gt_tensor_unref(cx, slice[i]);
  gt_free(slice);
}

/* Puts u into the slice of p; the momentum buffer m stays as it is. */
static gt_status put_direction(gt_ctx *cx, gt_tensor *slice, gt_tensor *p, gt_tensor *m,
                               const gt_value *hyper) {
  double momentum = hyper[MOMENTUM].f;
  GT_TRY(gt_update_lerp(cx, m, p->grad, 1 - momentum, slice));
  return hyper[NESTEROV].i ? gt_update_lerp(cx, p->grad, slice, momentum, slice) : GT_OK;
}

/* Fills the block (count, rows, cols) with u of every parameter. */
static gt_status put_directions(gt_ctx *cx, gt_tensor *block, int count, gt_tensor *const *p,
                                gt_tensor *const *state, const gt_value *hyper) {
  gt_tensor **slice = gt_calloc(cx, (size_t)count, sizeof *slice);
  if (!slice) return GT_ENOMEM;
  gt_status status = cut_slices(cx, block, p[0], count, slice);
  for (int i = 0; i < count && status == GT_OK; i++)
    status = put_direction(cx, slice[i], p[i], state[i], hyper);
  drop_slices(cx, slice, count);
  return status;
}

/* NewtonSchulz(u) of every parameter in one block (count, rows, cols). */
static gt_status direction(gt_ctx *cx, int count, gt_tensor *const *p, gt_tensor *const *state,
                           const gt_value *hyper, gt_tensor **out) {
  if (gt_count(p[0]) == 0) return GT_OK;
  int64_t rows = p[0]->shape[0];
  gt_dtype dtype = hyper[NS_DTYPE].i == NS_F32 ? GT_F32 : GT_BF16;
  gt_spec spec = gt_spec_make(p[0]->dtype, 3, (int64_t[]){count, rows, gt_count(p[0]) / rows});
  gt_frame f = {.cx = cx};
  gt_tensor *block = gt_new(&f, &spec, gt_device_of(p[0]));
  if (block) f.status = put_directions(cx, block, count, p, state, hyper);
  block = gt_op1_with(&f, "newton_schulz", block,
                      GT_ARGS({"steps", hyper[NS_STEPS]}, {"dtype", GT_INT(dtype)}));
  return gt_frame_return(&f, block, out);
}

static gt_status follow_one(gt_ctx *cx, gt_tensor *p, gt_tensor *m, gt_tensor *u,
                            const gt_value *hyper) {
  double lr = hyper[LR].f;
  double rows = (double)p->shape[0];
  double scale = sqrt(fmax(1, rows / ((double)gt_count(p) / rows)));
  if (hyper[WEIGHT_DECAY].f != 0) GT_TRY(gt_update_add(cx, p, p, -lr * hyper[WEIGHT_DECAY].f, p));
  GT_TRY(gt_update_add(cx, p, u, -lr * scale, p));
  return gt_update_lerp(cx, m, p->grad, 1 - hyper[MOMENTUM].f, m);
}

/* The only part that changes anything, after it has all the memory it needs. */
static gt_status follow(gt_ctx *cx, int count, gt_tensor *const *p, gt_tensor *const *state,
                        gt_tensor *block, const gt_value *hyper) {
  if (!block) return GT_OK; /* empty parameters */
  gt_tensor **slice = gt_calloc(cx, (size_t)count, sizeof *slice);
  if (!slice) return GT_ENOMEM;
  gt_status status = cut_slices(cx, block, p[0], count, slice);
  for (int i = 0; i < count && status == GT_OK; i++)
    status = follow_one(cx, p[i], state[i], slice[i], hyper);
  drop_slices(cx, slice, count);
  return status;
}

const gt_optimizer_class gt_muon = {
    .name = "Muon",
    .doc = "optim.Muon(matrices[, {lr = 0.02, momentum = 0.95, nesterov = true, ns_steps = 5, "
           "ns_dtype = \"bf16\" | \"f32\",\n"
           "weight_decay = 0}]) -> an optimizer that makes every matrix's update orthogonal, "
           "roughly, by Newton–Schulz.\n"
           "Matrices of hidden layers only: embeddings, readouts and vectors go to AdamW.  "
           "(kellerjordan.github.io/posts/muon)",
    .family = "muon",
    .hypers = hypers,
    .hyper_count = GT_COUNT(hypers),
    .states = states,
    .state_count = GT_COUNT(states),
    .check = check,
    .direction = direction,
    .follow = follow,
    .batch_elements = BATCH_ELEMENTS,
    .split_by_size = true,
    .needs_gradient = true,
};
