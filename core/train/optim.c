/* optim.c: parameter groups, per-parameter state and the step that all optimizers share.
 *
 * A step has four parts: look at every gradient, make the state that is missing, find directions
 * where that is long work, update.  Bad input, lack of memory for state or directions and
 * interrupts end it in the first three, with nothing changed; the last is shielded from
 * interrupts. */
#include "core/train/optim.h"

#include "core/model/seen.h"
#include "core/tensor/graph.h"
#include "core/tensor/rng.h"
#include "core/tensor/text.h"

#include <math.h>
#include <stdlib.h>

const gt_optimizer_class *const gt_optimizer_classes[] = {
#define OPTIMIZER(name) &gt_##name,
#include "core/train/optimizers.def"
#undef OPTIMIZER
    NULL};

gt_status gt_optimizer_new(gt_ctx *cx, const gt_optimizer_class *class, gt_optimizer **out) {
  gt_optimizer *o = gt_calloc(cx, 1, sizeof *o);
  if (!o) return GT_ENOMEM;
  o->refs = 1;
  o->class = class;
  *out = o;
  return GT_OK;
}

gt_optimizer *gt_optimizer_ref(gt_optimizer *o) {
  if (o) o->refs++;
  return o;
}

static void group_free(gt_ctx *cx, gt_group *group) {
  for (int i = 0; i < group->count; i++) gt_tensor_unref(cx, group->params[i]);
  gt_free(group->params);
  gt_free(group->hyper);
}

static void states_free(gt_ctx *cx, gt_tensor **state, int count) {
  for (int i = 0; i < count; i++) gt_tensor_unref(cx, state[i]);
  gt_free(state);
}

static void drop_directions(gt_ctx *cx, gt_optimizer *o) {
  if (o->direction) states_free(cx, o->direction, o->parameter_count);
  o->direction = NULL;
}

void gt_optimizer_unref(gt_ctx *cx, gt_optimizer *o) {
  if (!o || --o->refs > 0) return;
  drop_directions(cx, o);
  for (int i = 0; i < o->group_count; i++) group_free(cx, &o->groups[i]);
  gt_free(o->groups);
  if (o->state) states_free(cx, o->state, o->parameter_count * o->class->state_count);
  gt_free(o->steps);
  gt_free(o);
}

/* ---- hyper-parameters ---- */

int gt_hyper_find(const gt_optimizer_class *class, const char *name) {
  return gt_setting_find(class->hypers, class->hyper_count, name);
}

/* Defaults filled in and every value checked. */
static gt_status resolve(gt_ctx *cx, const gt_optimizer_class *class, const gt_value *given,
                         gt_value *out /* (hyper_count) */) {
  for (int i = 0; i < class->hyper_count; i++) {
    out[i] = given && given[i].given ? given[i] : class->hypers[i].preset;
    out[i].given = true;
    GT_TRY(gt_setting_check(cx, class->name, &class->hypers[i], &out[i]));
  }
  return class->check_hyper ? class->check_hyper(cx, out) : GT_OK;
}

/* ---- groups ---- */

static gt_status check_parameters(gt_ctx *cx, const gt_optimizer *o, gt_tensor *const *params,
                                  int count, gt_seen *seen) {
  bool fresh = true;
  const char *name = o->class->name;
  if (count == 0) return gt_fail(cx, GT_EARG, "%s: got an empty parameter list", name);
  for (int i = 0; i < o->parameter_count; i++)
    GT_TRY(gt_seen_add(cx, seen, gt_optimizer_param(o, i), &fresh));
  for (int i = 0; i < count; i++) {
    if (!gt_dtype_is_float(params[i]->dtype))
      return gt_fail(cx, GT_EDTYPE, "%s: expected float parameters, parameter %d is %s", name, i,
                     gt_dtype_name(params[i]->dtype));
    if (params[i]->node)
      return gt_fail(cx, GT_EGRAPH, "%s: parameter %d is the result of an op, not a leaf", name, i);
    if (o->class->check) GT_TRY(o->class->check(cx, params[i]));
    GT_TRY(gt_seen_add(cx, seen, params[i], &fresh));
    if (!fresh) return gt_fail(cx, GT_EARG, "%s: parameter %d is in the optimizer twice", name, i);
  }
  return GT_OK;
}

/* The next larger number of elements after `below` among params; -1 when there is none. */
static int64_t next_size(gt_tensor *const *params, int count, int64_t below) {
  int64_t size = -1;
  for (int i = 0; i < count; i++) {
    int64_t n = gt_count(params[i]);
    if (n > below && (size < 0 || n < size)) size = n;
  }
  return size;
}

/* A group of the parameters with `size` elements; of all of them when size is -1. */
static gt_status make_group(gt_ctx *cx, const gt_optimizer_class *class, gt_tensor *const *params,
                            int count, int64_t size, const gt_value *hyper, gt_group *out) {
  size_t hyper_bytes = (size_t) class->hyper_count * sizeof *hyper;
  gt_group group = {0};
  group.params = gt_malloc(cx, (size_t)count * sizeof *params);
  group.hyper = gt_malloc(cx, hyper_bytes);
  if (!group.params || !group.hyper) {
    group_free(cx, &group);
    return GT_ENOMEM;
  }
  for (int i = 0; i < count; i++) {
    if (size < 0 || gt_count(params[i]) == size)
      group.params[group.count++] = gt_tensor_ref(params[i]);
  }
  memcpy(group.hyper, hyper, hyper_bytes);
  group.initial_lr = hyper[gt_hyper_find(class, "lr")].f;
  *out = group;
  return GT_OK;
}

/* Room for one more group of `count` parameters; harmless when nothing follows. */
static gt_status reserve(gt_ctx *cx, gt_optimizer *o, int count) {
  size_t parameters = (size_t)o->parameter_count + (size_t)count;
  size_t states = parameters * (size_t)o->class->state_count;
  gt_group *groups = gt_realloc(cx, o->groups, ((size_t)o->group_count + 1) * sizeof *groups);
  if (!groups) return GT_ENOMEM;
  o->groups = groups;
  int64_t *steps = gt_realloc(cx, o->steps, parameters * sizeof *steps);
  if (!steps) return GT_ENOMEM;
  o->steps = steps;
  gt_tensor **state = gt_realloc(cx, o->state, states * sizeof *state);
  if (!state) return GT_ENOMEM;
  o->state = state;
  return GT_OK;
}

static gt_status append_group(gt_ctx *cx, gt_optimizer *o, gt_tensor *const *params, int count,
                              int64_t size, const gt_value *hyper) {
  gt_group group;
  GT_TRY(make_group(cx, o->class, params, count, size, hyper, &group));
  gt_status status = reserve(cx, o, group.count);
  if (status != GT_OK) {
    group_free(cx, &group);
    return status;
  }
  int states = o->class->state_count;
  for (int i = 0; i < group.count; i++) o->steps[o->parameter_count + i] = 0;
  for (int i = 0; i < group.count * states; i++) o->state[o->parameter_count * states + i] = NULL;
  o->groups[o->group_count++] = group;
  o->parameter_count += group.count;
  return GT_OK;
}

static void drop_groups(gt_ctx *cx, gt_optimizer *o, int keep) {
  while (o->group_count > keep) {
    gt_group *group = &o->groups[--o->group_count];
    o->parameter_count -= group->count;
    group_free(cx, group);
  }
}

gt_status gt_optimizer_add_group(gt_ctx *cx, gt_optimizer *o, gt_tensor *const *params, int count,
                                 const gt_value *hyper) {
  int groups = o->group_count;
  gt_seen seen = {0};
  drop_directions(cx, o); /* they are as many as parameters; the rest is found again */
  gt_value *values = gt_malloc(cx, (size_t)o->class->hyper_count * sizeof *values);
  gt_status status = values ? resolve(cx, o->class, hyper, values) : GT_ENOMEM;
  if (status == GT_OK) status = check_parameters(cx, o, params, count, &seen);
  if (status == GT_OK && !o->class->split_by_size)
    status = append_group(cx, o, params, count, -1, values);
  int64_t size = o->class->split_by_size ? next_size(params, count, -1) : -1;
  while (status == GT_OK && size >= 0) {
    status = append_group(cx, o, params, count, size, values);
    size = next_size(params, count, size);
  }
  if (status != GT_OK) drop_groups(cx, o, groups);
  gt_seen_free(&seen);
  gt_free(values);
  return status;
}

gt_tensor *gt_optimizer_param(const gt_optimizer *o, int i) {
  for (int g = 0; g < o->group_count; g++) {
    if (i < o->groups[g].count) return o->groups[g].params[i];
    i -= o->groups[g].count;
  }
  return NULL;
}

/* ---- the step ---- */

static gt_status check_gradient(gt_ctx *cx, const gt_optimizer *o, int i, const gt_tensor *p) {
  const char *name = o->class->name;
  gt_spec spec = gt_spec_of(p);
  char text[GT_SHAPE_TEXT];
  char got_text[GT_SHAPE_TEXT];
  gt_shape_text(&spec, text);
  if (!p->grad) {
    if (!o->class->needs_gradient) return GT_OK;
    return gt_fail(cx, GT_EGRAPH, "%s: parameter %d %s has no gradient", name, i, text);
  }
  if (p->partial || p->grad->partial)
    return gt_fail(cx, GT_EGRAPH,
                   "%s: parameter %d %s holds the gradient of a backward that failed; zero_grad() "
                   "first",
                   name, i, text);
  gt_spec got = gt_spec_of(p->grad);
  if (!gt_same_shape(&spec, &got) || p->grad->dtype != p->dtype ||
      gt_device_of(p->grad) != gt_device_of(p))
    return gt_fail(cx, GT_ESHAPE, "%s: parameter %d is %s %s on %s, its gradient %s %s on %s", name,
                   i, gt_dtype_name(p->dtype), text, gt_device_of(p)->name,
                   gt_dtype_name(p->grad->dtype), gt_shape_text(&got, got_text),
                   gt_device_of(p->grad)->name);
  for (int k = 0; k < o->class->state_count; k++) {
    const gt_tensor *s = o->state[i * o->class->state_count + k];
    gt_spec kept = s ? gt_spec_of(s) : spec;
    if (gt_same_shape(&kept, &spec) && kept.dtype == spec.dtype &&
        (!s || gt_device_of(s) == gt_device_of(p)))
      continue;
    return gt_fail(cx, GT_EDTYPE,
                   "%s: parameter %d is now %s %s on %s, its state is %s %s on %s; make a new "
                   "optimizer",
                   name, i, gt_dtype_name(p->dtype), text, gt_device_of(p)->name,
                   gt_dtype_name(kept.dtype), gt_shape_text(&kept, got_text),
                   gt_device_of(s)->name);
  }
  return GT_OK;
}

static gt_status make_state(gt_ctx *cx, gt_optimizer *o, int i, const gt_tensor *p,
                            const gt_value *hyper) {
  if (!p->grad || (o->class->stateless && o->class->stateless(hyper))) return GT_OK;
  gt_spec spec = gt_spec_of(p);
  for (int k = 0; k < o->class->state_count; k++) {
    gt_tensor **state = &o->state[i * o->class->state_count + k];
    if (!*state) GT_TRY(gt_tensor_zeros(cx, &spec, gt_device_of(p), state));
  }
  return GT_OK;
}

/* True when b may be updated in one call with a. */
static bool alike(const gt_tensor *a, const gt_tensor *b) {
  gt_spec spec_a = gt_spec_of(a);
  gt_spec spec_b = gt_spec_of(b);
  return b->grad && a->dtype == b->dtype && gt_same_shape(&spec_a, &spec_b) &&
         gt_device_of(a) == gt_device_of(b);
}

/* How many parameters from number k of the group on go into one update. */
static int run_length(const gt_optimizer *o, const gt_group *group, int k) {
  int64_t size = gt_count(group->params[k]);
  int n = 1;
  while (k + n < group->count && (n + 1) * size <= o->class->batch_elements &&
         alike(group->params[k], group->params[k + n]))
    n++;
  return n;
}

/* Parameters of one group that are updated together. */
typedef struct run {
  gt_tensor *const *params;
  int first; /* number of the first in the optimizer */
  int count;
  const gt_value *hyper;
} run;

/* Visits the runs of parameters with gradients from number `first` of the optimizer on. */
static gt_status each_run(gt_ctx *cx, gt_optimizer *o, int first,
                          gt_status (*visit)(gt_ctx *cx, gt_optimizer *o, const run *r)) {
  for (int g = 0, start = 0; g < o->group_count; start += o->groups[g++].count) {
    const gt_group *group = &o->groups[g];
    while (first < start + group->count) {
      int k = first - start;
      run r = {&group->params[k], first, 1, group->hyper};
      if (group->params[k]->grad) {
        r.count = run_length(o, group, k);
        GT_TRY(visit(cx, o, &r));
      }
      first += r.count;
    }
  }
  return GT_OK;
}

static gt_status find_direction(gt_ctx *cx, gt_optimizer *o, const run *r) {
  return o->class->direction(cx, r->count, r->params, &o->state[r->first * o->class->state_count],
                             r->hyper, &o->direction[r->first]);
}

/* A step that continues usually has its directions already. */
static gt_status find_directions(gt_ctx *cx, gt_optimizer *o) {
  if (!o->class->direction || o->direction) return GT_OK;
  o->direction = gt_calloc(cx, (size_t)o->parameter_count, sizeof(gt_tensor *));
  if (!o->direction) return GT_ENOMEM;
  return each_run(cx, o, o->done, find_direction);
}

static gt_status update(gt_ctx *cx, gt_optimizer *o, const run *r) {
  gt_tensor **state = &o->state[r->first * o->class->state_count];
  int64_t *steps = &o->steps[r->first];
  gt_status status;
  for (int i = 0; i < r->count; i++) steps[i]++;
  if (o->direction)
    status = o->class->follow(cx, r->count, r->params, state, o->direction[r->first], r->hyper);
  else
    status = o->class->update(cx, r->count, r->params, state, steps, r->hyper);
  if (status == GT_OK) {
    o->done = r->first + r->count;
  } else {
    for (int i = 0; i < r->count; i++) steps[i]--;
  }
  return status;
}

/* Looks at every gradient, then makes the state that is missing. */
static gt_status prepare(gt_ctx *cx, gt_optimizer *o) {
  int i = 0;
  for (int g = 0; g < o->group_count; g++) {
    for (int k = 0; k < o->groups[g].count; k++)
      GT_TRY(check_gradient(cx, o, i++, o->groups[g].params[k]));
  }
  i = 0;
  for (int g = 0; g < o->group_count; g++) {
    for (int k = 0; k < o->groups[g].count; k++)
      GT_TRY(make_state(cx, o, i++, o->groups[g].params[k], o->groups[g].hyper));
  }
  return GT_OK;
}

gt_status gt_optimizer_step(gt_ctx *cx, gt_optimizer *o) {
  GT_TRY(gt_poll(cx));
  GT_TRY(prepare(cx, o));
  bool grad_enabled = cx->grad_enabled;
  bool shielded = cx->shielded;
  cx->grad_enabled = false;
  gt_status status = find_directions(cx, o);
  cx->shielded = true;
  if (status == GT_OK) status = each_run(cx, o, o->done, update);
  cx->grad_enabled = grad_enabled;
  cx->shielded = shielded;
  if (status == GT_OK) o->done = 0;
  if (o->done == 0) drop_directions(cx, o);
  if (o->done > 0)
    return gt_fail(cx, status, "%s: %d of %d parameters updated, the next step() does the rest: %s",
                   o->class->name, o->done, o->parameter_count, cx->message);
  return status;
}

void gt_optimizer_zero_grad(gt_ctx *cx, gt_optimizer *o, bool set_to_none) {
  o->done = 0;
  drop_directions(cx, o);
  for (int g = 0; g < o->group_count; g++) {
    for (int k = 0; k < o->groups[g].count; k++) {
      gt_tensor *p = o->groups[g].params[k];
      if (set_to_none || !p->grad || gt_fill_value(cx, p->grad, 0) != GT_OK)
        gt_grad_clear(cx, p);
      else
        p->partial = p->grad->partial = false;
    }
  }
}

/* ---- loading ---- */

static gt_status check_state(gt_ctx *cx, const gt_optimizer *o, int i, int64_t step,
                             gt_tensor *const *state) {
  gt_spec want = gt_spec_of(gt_optimizer_param(o, i));
  char want_text[GT_SHAPE_TEXT];
  char got_text[GT_SHAPE_TEXT];
  if (step < 0)
    return gt_fail(cx, GT_EARG, "%s: expected step >= 0 for parameter %d, got %lld", o->class->name,
                   i, (long long)step);
  for (int k = 0; k < o->class->state_count; k++) {
    if (!state[k]) continue;
    gt_spec got = gt_spec_of(state[k]);
    if (!gt_same_shape(&got, &want))
      return gt_fail(cx, GT_ESHAPE, "%s: expected %s %s for parameter %d, got %s", o->class->name,
                     o->class->states[k], gt_shape_text(&want, want_text), i,
                     gt_shape_text(&got, got_text));
  }
  return GT_OK;
}

gt_status gt_optimizer_load(gt_ctx *cx, gt_optimizer *o, const int64_t *steps,
                            gt_tensor *const *state) {
  int states = o->class->state_count;
  int count = o->parameter_count * states;
  for (int i = 0; i < o->parameter_count; i++)
    GT_TRY(check_state(cx, o, i, steps[i], &state[i * states]));
  gt_tensor **fresh = gt_calloc(cx, (size_t)count, sizeof *fresh);
  if (!fresh) return GT_ENOMEM;
  gt_status status = GT_OK;
  for (int k = 0; k < count && status == GT_OK; k++) {
    gt_tensor *p = gt_optimizer_param(o, k / states);
    if (state[k]) status = gt_copy_new(cx, state[k], p->dtype, gt_device_of(p), &fresh[k]);
  }
  gt_tensor **loser = fresh;
  if (status == GT_OK) {
    loser = o->state;
    o->state = fresh;
    o->done = 0;
    drop_directions(cx, o);
    if (o->parameter_count) memcpy(o->steps, steps, (size_t)o->parameter_count * sizeof *steps);
  }
  if (loser) states_free(cx, loser, count);
  return status;
}
