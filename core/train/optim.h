/* optim.h: optimizers as native objects: parameter groups, per-parameter state, step.
 *
 * State is keyed by the parameter's position in the optimizer and allocated at the first step.  A
 * step checks every gradient first (present, same shape, not partial) and only then changes
 * weights: never half-applied by bad input. */
#ifndef GT_OPTIM_H
#define GT_OPTIM_H

#include "core/tensor/op.h"

typedef struct gt_optimizer gt_optimizer;

typedef struct gt_optimizer_class {
  const char *name; /* "AdamW" */
  const char *doc;  /* for help() */
  /* "adam", "sgd" or "muon": whose rules of a parametrization fit; or NULL */
  const char *family;
  /* groups carry one value per row, in order */
  const gt_setting *hypers;
  int hyper_count;
  /* names of per-parameter tensors: "momentum_buffer" */
  const char *const *states;
  int state_count;
  /* e.g. Muon wants matrices */
  gt_status (*check)(gt_ctx *cx, const gt_tensor *parameter);
  /* what must go together */
  gt_status (*check_hyper)(gt_ctx *cx, const gt_value *hyper);
  /* Steps `count` parameters, of one shape when there are several; each has a gradient.  state
   * (count, state_count); steps (count), from 1. */
  gt_status (*update)(gt_ctx *cx, int count, gt_tensor *const *p, gt_tensor *const *state,
                      const int64_t *steps, const gt_value *hyper);
  /* For an optimizer whose work is long, both of these in place of `update`.  `direction` computes
   * what the second needs and changes nothing: an interrupt ends the step there, with everything as
   * it was.  `follow` is quick. */
  gt_status (*direction)(gt_ctx *cx, int count, gt_tensor *const *p, gt_tensor *const *state,
                         const gt_value *hyper, gt_tensor **out);
  gt_status (*follow)(gt_ctx *cx, int count, gt_tensor *const *p, gt_tensor *const *state,
                      gt_tensor *direction, const gt_value *hyper);
  int64_t batch_elements; /* equal shapes are handed over together up to this size; 0: singly */
  bool split_by_size;     /* the notebook's Muon: one group per distinct numel, ascending */
  bool needs_gradient;    /* a parameter without gradient is an error; otherwise it is skipped */
  bool (*stateless)(const gt_value *hyper); /* NULL: state is always kept */
} gt_optimizer_class;

#define OPTIMIZER(name) extern const gt_optimizer_class gt_##name;
#include "core/train/optimizers.def"
#undef OPTIMIZER
extern const gt_optimizer_class *const gt_optimizer_classes[]; /* ends with NULL */

typedef struct gt_group {
  gt_tensor **params;
  int count;
  gt_value *hyper;   /* (class->hyper_count) */
  double initial_lr; /* lr at construction */
} gt_group;

struct gt_optimizer {
  int refs;
  const gt_optimizer_class *class;
  gt_group *groups;
  int group_count;
  gt_tensor **state;   /* (parameter_count, state_count), NULL until the first step */
  int64_t *steps;      /* (parameter_count) */
  int parameter_count; /* over all groups, in group order */
  /* number of parameters already updated by a step that ran out of memory */
  int done;
  /* (parameter_count) of that step, at the first parameter of each batch; or NULL */
  gt_tensor **direction;
};

gt_status gt_optimizer_new(gt_ctx *cx, const gt_optimizer_class *class, gt_optimizer **out);
gt_optimizer *gt_optimizer_ref(gt_optimizer *o);
void gt_optimizer_unref(gt_ctx *cx, gt_optimizer *o);
/* Values not `given` take the class default.  Duplicate parameters and bad values are refused
 * before anything changes. */
gt_status gt_optimizer_add_group(gt_ctx *cx, gt_optimizer *o, gt_tensor *const *params, int count,
                                 const gt_value *hyper);
/* An interrupt ends a step before it changes anything, or not at all.  When memory runs out
 * halfway, the next call continues where this one stopped: every parameter makes one step.
 * zero_grad drops the rest of such a step. */
gt_status gt_optimizer_step(gt_ctx *cx, gt_optimizer *o);
void gt_optimizer_zero_grad(gt_ctx *cx, gt_optimizer *o, bool set_to_none);
/* State of parameter i (in group order) as state dicts hold it.  `state` is (parameter_count,
 * state_count) in row-major order; NULL entries: none yet.  Every shape is checked before anything
 * is copied; dtypes are converted. */
gt_status gt_optimizer_load(gt_ctx *cx, gt_optimizer *o, const int64_t *steps,
                            gt_tensor *const *state);
gt_tensor *gt_optimizer_param(const gt_optimizer *o, int i); /* borrowed */
/* Position of a hyper-parameter; -1 if there is none of that name. */
int gt_hyper_find(const gt_optimizer_class *class, const char *name);

#endif
