/* muon.c: momentum, orthogonalised (Jordan et al., kellerjordan.github.io/posts/muon).
 *
 *   m <- momentum m + (1 - momentum) g
 *   u  = nesterov ? (1 - momentum) g + momentum m : m
 *   p <- p (1 - lr wd) - lr sqrt(max(1, rows/cols)) NewtonSchulz(u)
 *
 * A parameter with more than two dimensions is one matrix (shape[0], the rest).  Small matrices of
 * one shape go through the iteration together: one of them alone does not fill the cores. */
#include "core/tensor/run.h"
#include "core/train/optim.h"
#include "core/train/update.h"

#include <math.h>
#include <stdlib.h>

enum { LR, MOMENTUM, NESTEROV, NS_STEPS, NS_DTYPE, WEIGHT_DECAY };
enum { NS_BF16, NS_F32 }; /* choices of ns_dtype */
enum { BATCH_ELEMENTS = 1 << 20 };

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

/* Parameters of one shape, as matrices in one block of memory. */
typedef struct batch {
  int count;
  int64_t rows, cols;
  gt_tensor *block;  /* (count, rows, cols) */
  gt_tensor **slice; /* (count) views of the matrices in the shape of a parameter */
} batch;

static void drop_slices(gt_ctx *cx, batch *b) {
  for (int i = 0; i < b->count; i++) {
    gt_tensor_unref(cx, b->slice[i]);
    b->slice[i] = NULL;
  }
}

static gt_status cut_slices(gt_ctx *cx, batch *b, const gt_tensor *p) {
  int64_t stride[GT_MAX_DIM];
  int64_t size = 1;
  for (int d = p->ndim - 1; d >= 0; d--) {
    stride[d] = size;
    size *= p->shape[d];
  }
  for (int i = 0; i < b->count; i++)
    GT_TRY(gt_tensor_view(cx, b->block, p->ndim, p->shape, stride, b->block->offset + i * size,
                          &b->slice[i]));
  return GT_OK;
}

/* Puts the direction of p into its slice; the momentum buffer m stays as it is. */
static gt_status put_direction(gt_ctx *cx, gt_tensor *slice, gt_tensor *p, gt_tensor *m,
                               const gt_value *hyper) {
  double momentum = hyper[MOMENTUM].f;
  GT_TRY(gt_update_lerp(cx, m, p->grad, 1 - momentum, slice));
  return hyper[NESTEROV].i ? gt_update_lerp(cx, p->grad, slice, momentum, slice) : GT_OK;
}

/* The slices become the orthogonal matrices nearest to them. */
static gt_status orthogonalise(gt_ctx *cx, batch *b, const gt_tensor *p, const gt_value *hyper) {
  gt_dtype dtype = hyper[NS_DTYPE].i == NS_F32 ? GT_F32 : GT_BF16;
  gt_tensor *result = NULL;
  GT_TRY(gt_apply1(cx, "newton_schulz", b->block,
                   GT_ARGS({"steps", hyper[NS_STEPS]}, {"dtype", GT_INT(dtype)}), &result));
  drop_slices(cx, b);
  gt_tensor_unref(cx, b->block);
  b->block = result;
  return cut_slices(cx, b, p);
}

/* The only part that changes anything. */
static gt_status apply(gt_ctx *cx, const batch *b, int i, gt_tensor *p, gt_tensor *m,
                       const gt_value *hyper) {
  double lr = hyper[LR].f;
  double scale = sqrt(fmax(1, (double)b->rows / (double)b->cols));
  if (hyper[WEIGHT_DECAY].f != 0) GT_TRY(gt_update_add(cx, p, p, -lr * hyper[WEIGHT_DECAY].f, p));
  GT_TRY(gt_update_add(cx, p, b->slice[i], -lr * scale, p));
  return gt_update_lerp(cx, m, p->grad, 1 - hyper[MOMENTUM].f, m);
}

static gt_status update(gt_ctx *cx, int count, gt_tensor *const *p, gt_tensor *const *state,
                        const int64_t *steps, const gt_value *hyper) {
  (void)steps;
  if (gt_count(p[0]) == 0) return GT_OK;
  batch b = {.count = count, .rows = p[0]->shape[0], .cols = gt_count(p[0]) / p[0]->shape[0]};
  gt_spec spec = gt_spec_make(p[0]->dtype, 3, (int64_t[]){count, b.rows, b.cols});
  b.slice = gt_calloc(cx, (size_t)count, sizeof(gt_tensor *));
  if (!b.slice) return GT_ENOMEM;
  gt_status status = gt_tensor_new(cx, &spec, gt_device_of(p[0]), &b.block);
  if (status == GT_OK) status = cut_slices(cx, &b, p[0]);
  for (int i = 0; i < count && status == GT_OK; i++)
    status = put_direction(cx, b.slice[i], p[i], state[i], hyper);
  if (status == GT_OK) status = orthogonalise(cx, &b, p[0], hyper);
  for (int i = 0; i < count && status == GT_OK; i++)
    status = apply(cx, &b, i, p[i], state[i], hyper);
  drop_slices(cx, &b);
  gt_free(b.slice);
  gt_tensor_unref(cx, b.block);
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
    .batch_elements = BATCH_ELEMENTS,
    .split_by_size = true,
    .needs_gradient = true,
};
