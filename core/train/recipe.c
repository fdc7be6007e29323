/* recipe.c: the founding notebook's setup_optimizers. */
#include "core/train/recipe.h"

#include "core/tensor/run.h"

#include <math.h>
#include <stdlib.h>

const gt_recipe gt_recipe_defaults = {.embedding_lr = 0.2, .matrix_lr = 0.02, .weight_decay = 0};

/* Parameters of the model, each once. */
typedef struct parameters {
  gt_tensor **at; /* (count), borrowed */
  int count;
  int64_t capacity;
} parameters;

/* Which parameters go to which optimizer: matrices of the blocks, and everything else. */
typedef struct sharing {
  parameters matrices, others;
} sharing;

static bool holds(const parameters *p, const gt_tensor *t) {
  for (int i = 0; i < p->count; i++) {
    if (p->at[i] == t) return true;
  }
  return false;
}

static gt_status add(gt_ctx *cx, parameters *p, gt_tensor *t) {
  GT_TRY(gt_poll(cx));
  if (holds(p, t)) return GT_OK;
  GT_TRY(gt_grow(cx, &p->at, p->count, &p->capacity, sizeof *p->at));
  p->at[p->count++] = t;
  return GT_OK;
}

static gt_status add_block(gt_ctx *cx, const gt_entry *entry, void *data) {
  sharing *s = data;
  gt_tensor *t = entry->slot->tensor;
  return add(cx, t->ndim == 2 ? &s->matrices : &s->others, t);
}

static gt_status add_other(gt_ctx *cx, const gt_entry *entry, void *data) {
  return add(cx, &((sharing *)data)->others, entry->slot->tensor);
}

static gt_status share_out(gt_ctx *cx, gt_module *gpt, sharing *out) {
  static const char *const others[] = {"token_embedding", "position_embedding", "embedding_norm",
                                       "norm_f", "lm_head"};
  static const char *const needed[] = {"blocks", "token_embedding"};
  for (int i = 0; i < GT_COUNT(needed); i++) {
    if (!gt_module_child(gpt, needed[i]))
      return gt_fail(cx, GT_EARG, "setup_optimizers: %s has no module %s",
                     gt_module_class_name(gpt), needed[i]);
  }
  for (int i = 0; i < GT_COUNT(others); i++) {
    gt_module *m = gt_module_child(gpt, others[i]);
    if (m) GT_TRY(gt_each_parameter(cx, m, true, add_other, out));
  }
  return gt_each_parameter(cx, gt_module_child(gpt, "blocks"), true, add_block, out);
}

static gt_status check_covered(gt_ctx *cx, const gt_entry *entry, void *data) {
  const sharing *s = data;
  GT_TRY(gt_poll(cx));
  if (holds(&s->others, entry->slot->tensor) || holds(&s->matrices, entry->slot->tensor))
    return GT_OK;
  return gt_fail(cx, GT_EARG,
                 "setup_optimizers: %s is neither in token_embedding nor in blocks; give it an "
                 "optimizer of its own",
                 entry->name);
}

typedef struct setting {
  const char *name;
  double value;
} setting;

/* An optimizer of one list; the settings end with a NULL name. */
static gt_status make(gt_ctx *cx, const gt_optimizer_class *class, const parameters *p,
                      const setting *settings, gt_optimizer **out) {
  gt_optimizer *o = NULL;
  gt_value hyper[GT_MAX_ATTR] = {{0}};
  for (; settings->name; settings++)
    hyper[gt_hyper_find(class, settings->name)] = (gt_value)GT_FLOAT(settings->value);
  GT_TRY(gt_optimizer_new(cx, class, &o));
  gt_status status = gt_optimizer_add_group(cx, o, p->at, p->count, hyper);
  if (status == GT_OK)
    *out = o;
  else
    gt_optimizer_unref(cx, o);
  return status;
}

gt_status gt_recipe_make(gt_ctx *cx, gt_module *gpt, const gt_recipe *recipe, gt_optimizer **adamw,
                         gt_optimizer **muon, gt_text *note) {
  const gt_gpt_config *config = gt_gpt_config_of(gpt);
  if (!config)
    return gt_fail(cx, GT_EARG, "setup_optimizers: expected a native GPT, got %s",
                   gt_module_class_name(gpt));
  double scale = pow((double)config->hidden_dim / 768, -0.5);
  const setting adamw_settings[] = {
      {"lr", recipe->embedding_lr * scale},   {"beta1", 0.8}, {"beta2", 0.95}, {"eps", 1e-10},
      {"weight_decay", recipe->weight_decay}, {NULL, 0}};
  const setting muon_settings[] = {{"lr", recipe->matrix_lr}, {"momentum", 0.95}, {NULL, 0}};
  sharing s = {0};
  gt_optimizer *made[2] = {NULL};
  gt_status status = share_out(cx, gpt, &s);
  if (status == GT_OK) status = gt_each_parameter(cx, gpt, true, check_covered, &s);
  if (status == GT_OK) status = make(cx, &gt_adamw, &s.others, adamw_settings, &made[0]);
  if (status == GT_OK) status = make(cx, &gt_muon, &s.matrices, muon_settings, &made[1]);
  if (status == GT_OK) {
    char text[GT_NUMBER_TEXT];
    gt_text_add(cx, note, "Scaling the LR for the AdamW parameters ∝1/√(%lld/768) = %s",
                (long long)config->hidden_dim, gt_fixed_text(scale, 6, text));
    *adamw = made[0];
    *muon = made[1];
  } else {
    gt_optimizer_unref(cx, made[0]);
    gt_optimizer_unref(cx, made[1]);
  }
  gt_free(s.matrices.at);
  gt_free(s.others.at);
  return status;
}
