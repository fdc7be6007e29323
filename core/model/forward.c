/* forward.c: see forward.h. */
#include "core/model/forward.h"

#include "core/tensor/rng.h"

gt_tensor *gt_argument_tensor(gt_frame *f, const gt_module *m, const gt_arguments *args, int i,
                              const char *name) {
  int count = i < args->count ? args->arg[i].count : 0;
  if (f->status != GT_OK) return NULL;
  if (count == 1) return args->arg[i].at[0];
  f->status = gt_fail(f->cx, GT_EARG, "%s: expected a tensor %s, got %s", gt_module_class_name(m),
                      name, count ? "several" : "nil");
  return NULL;
}

gt_tensor *gt_optional_tensor(const gt_module *m, const char *name) {
  const gt_slot *slot = gt_module_slot(m, name);
  return slot ? slot->tensor : NULL;
}

gt_tensor *gt_slot_tensor(gt_frame *f, const gt_module *m, const char *name) {
  if (f->status != GT_OK) return NULL;
  gt_tensor *t = gt_optional_tensor(m, name);
  if (!t) f->status = gt_fail(f->cx, GT_EARG, "%s: has no %s", gt_module_class_name(m), name);
  return t;
}

gt_tensor *gt_call_with(gt_frame *f, gt_module *m, gt_tensor *x, const gt_arguments *rest) {
  if (f->status != GT_OK) return NULL;
  gt_tensor *y = NULL;
  gt_arguments args = rest ? *rest : (gt_arguments){.count = 1};
  args.arg[0] = (gt_argument){.count = 1, .at = {x}};
  f->status = gt_module_call(f->cx, m, &args, &y);
  gt_used(f, x);
  return gt_keep(f, y);
}

gt_tensor *gt_child_with(gt_frame *f, const gt_module *m, const char *name, gt_tensor *x,
                         const gt_arguments *rest) {
  gt_module *child = gt_module_child(m, name);
  if (f->status == GT_OK && !child)
    f->status = gt_fail(f->cx, GT_EARG, "%s: has no module %s", gt_module_class_name(m), name);
  return gt_call_with(f, child, x, rest);
}

gt_tensor *gt_child(gt_frame *f, const gt_module *m, const char *name, gt_tensor *x) {
  return gt_child_with(f, m, name, x, NULL);
}

gt_tensor *gt_dropout(gt_frame *f, const gt_module *m, double p, gt_tensor *x) {
  if (p == 0 || !m->training || f->status != GT_OK) return gt_pass(f, x);
  return gt_op1_with(f, "dropout", x,
                     GT_ARGS({"p", GT_FLOAT(p)}, {"seed", GT_INT((int64_t)f->cx->seed)},
                             {"stream", GT_INT((int64_t)gt_rng_stream(f->cx))}));
}

gt_value gt_choice(const gt_ctx *cx, const char *op, const char *attr, const char *name) {
  gt_value value = GT_INT(-1);
  int found = gt_op_find(cx, op);
  for (int i = 0; found >= 0 && i < cx->ops[found]->attr_count; i++) {
    const gt_setting *a = &cx->ops[found]->attrs[i];
    if (a->choices && !strcmp(a->name, attr))
      value.i = gt_choice_find(a->choices, name, strlen(name));
  }
  return value;
}
