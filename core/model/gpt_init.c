/* gpt_init.c: fresh weights for a GPT: the initializers of gpt.h, planned first and then drawn. */
#include "core/model/gpt.h"
#include "core/model/init.h"
#include "core/model/nn.h"
#include "core/tensor/rng.h"

#include <math.h>
#include <stdlib.h>

#define GPT2_STD 0.02

/* Weights in the order in which apply() reaches their modules; a later one on the same tensor wins.
 */
typedef struct drawing {
  gt_tensor *weight;
  gt_initializer kind;
  double std; /* of a normal one */
} drawing;

typedef struct drawings {
  const gt_gpt_config *config;
  drawing *items;
  int64_t count, capacity;
} drawings;

static gt_status draw_later(gt_ctx *cx, drawings *d, gt_tensor *weight, gt_initializer kind,
                            double std) {
  GT_TRY(gt_grow(cx, &d->items, d->count, &d->capacity, sizeof *d->items));
  d->items[d->count++] = (drawing){weight, kind, std};
  return GT_OK;
}

static gt_status plan_module(gt_ctx *cx, const gt_entry *entry, void *data) {
  const gt_module *m = entry->owner;
  drawings *d = data;
  const gt_slot *weight = gt_module_slot(m, "weight");
  const gt_slot *bias = gt_module_slot(m, "bias");
  bool gpt2 = d->config->init == GT_GPT_INIT_GPT2;
  if (!weight || !weight->tensor) return GT_OK;
  if (m->class == &gt_class_embedding)
    return draw_later(cx, d, weight->tensor, GT_INIT_NORMAL, gpt2 ? GPT2_STD : 1);
  if (m->class != &gt_class_linear) return GT_OK;
  gt_initializer kind = gpt2 ? GT_INIT_NORMAL : GT_INIT_SPECTRAL;
  GT_TRY(draw_later(cx, d, weight->tensor, kind, GPT2_STD));
  return bias && bias->tensor ? draw_later(cx, d, bias->tensor, GT_INIT_ZEROS, 0) : GT_OK;
}

/* The output projection at block.<part>.<name>, where there is one: zero, or smaller the more of
 * them add up. */
static gt_status plan_output(gt_ctx *cx, drawings *d, const gt_module *block, const char *part,
                             const char *name) {
  const gt_module *m = block ? gt_module_child(block, part) : NULL;
  const gt_module *proj = m ? gt_module_child(m, name) : NULL;
  const gt_slot *weight = proj ? gt_module_slot(proj, "weight") : NULL;
  if (!weight || !weight->tensor) return GT_OK;
  if (d->config->init == GT_GPT_INIT_SPECTRAL)
    return draw_later(cx, d, weight->tensor, GT_INIT_ZEROS, 0);
  double std = GPT2_STD / sqrt(2 * (double)d->config->n_layers);
  return draw_later(cx, d, weight->tensor, GT_INIT_NORMAL, std);
}

static gt_status plan(gt_ctx *cx, gt_module *m, drawings *d) {
  GT_TRY(gt_apply_modules(cx, m, plan_module, d));
  const gt_module *blocks = gt_module_child(m, "blocks");
  for (int i = 0; blocks && i < blocks->slot_count; i++) {
    GT_TRY(plan_output(cx, d, blocks->slots[i].module, "ff", "proj_down"));
    GT_TRY(plan_output(cx, d, blocks->slots[i].module, "attn", "proj"));
  }
  return GT_OK;
}

/* Only the last initializer of a tensor is carried out; one that would be overwritten just uses up
 * its random stream, so that the numbers are those of drawing every one in turn. */
static gt_status draw(gt_ctx *cx, const drawings *d) {
  for (int i = 0; i < d->count; i++) {
    GT_TRY(gt_poll(cx));
    bool last = true;
    for (int k = i + 1; k < d->count && last; k++) last = d->items[k].weight != d->items[i].weight;
    if (last)
      GT_TRY(gt_init(cx, d->items[i].weight, d->items[i].kind, 0, d->items[i].std));
    else if (d->items[i].kind != GT_INIT_ZEROS)
      gt_rng_stream(cx);
  }
  return GT_OK;
}

gt_status gt_gpt_init_weights(gt_ctx *cx, gt_module *m) {
  const gt_gpt_config *config = gt_gpt_config_of(m);
  if (!config)
    return gt_fail(cx, GT_EARG, "init_weights: expected a native GPT, got %s",
                   gt_module_class_name(m));
  drawings d = {.config = config};
  gt_status status = plan(cx, m, &d);
  if (status == GT_OK) status = draw(cx, &d);
  gt_free(d.items);
  gt_module *embedding = gt_module_child(m, "token_embedding");
  const gt_slot *table = embedding ? gt_module_slot(embedding, "weight") : NULL;
  const gt_backend *device = table && table->tensor ? gt_device_of(table->tensor) : cx->cpu;
  if (status == GT_OK) status = gt_gpt_set_tables(cx, m, device);
  if (status == GT_OK && device->halves >> GT_BF16 & 1u && config->init == GT_GPT_INIT_SPECTRAL)
    status = gt_module_to(cx, embedding, &(gt_dtype){GT_BF16}, NULL);
  return status;
}
