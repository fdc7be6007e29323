/* forward.c: what native forwards share: reading arguments, calling children by slot, short calls
 * of common ops. */
#include "core/model/forward.h"

#include "core/tensor/rng.h"

gt_status gt_argument_tensor(gt_ctx *cx, const gt_module *m, const gt_arguments *args, int i,
                             const char *name, gt_tensor **out) {
  int count = i < args->count ? args->arg[i].count : 0;
  if (count != 1)
    return gt_fail(cx, GT_EARG, "%s: expected a tensor %s, got %s", gt_module_class_name(m), name,
                   count ? "several" : "nil");
  *out = args->arg[i].at[0];
  return GT_OK;
}

gt_status gt_slot_tensor(gt_ctx *cx, const gt_module *m, const char *name, gt_tensor **out) {
  const gt_slot *slot = gt_module_slot(m, name);
  if (!slot || !slot->tensor)
    return gt_fail(cx, GT_EARG, "%s: has no %s", gt_module_class_name(m), name);
  *out = slot->tensor;
  return GT_OK;
}

gt_status gt_child_call(gt_ctx *cx, const gt_module *m, const char *name, const gt_arguments *args,
                        gt_tensor **out) {
  gt_module *child = gt_module_child(m, name);
  if (!child) return gt_fail(cx, GT_EARG, "%s: has no module %s", gt_module_class_name(m), name);
  return gt_module_call(cx, child, args, out);
}

gt_status gt_child_call1(gt_ctx *cx, const gt_module *m, const char *name, gt_tensor *x,
                         gt_tensor **out) {
  gt_arguments args = {.count = 1, .arg = {{.count = 1, .at = {x}}}};
  return gt_child_call(cx, m, name, &args, out);
}

gt_status gt_reshape(gt_ctx *cx, gt_tensor *t, int ndim, const int64_t *shape, gt_tensor **out) {
  gt_value value = {.given = true, .dims = {.count = ndim}};
  memcpy(value.dims.at, shape, (size_t)ndim * sizeof *shape);
  return gt_apply1(cx, "reshape", t, GT_ARGS({"shape", value}), out);
}

gt_status gt_dropout(gt_ctx *cx, const gt_module *m, double p, gt_tensor **t) {
  if (p == 0 || !m->training) return GT_OK;
  return gt_replace(cx, "dropout",
                    GT_ARGS({"p", GT_FLOAT(p)}, {"seed", GT_INT((int64_t)cx->seed)},
                            {"stream", GT_INT((int64_t)gt_rng_stream(cx))}),
                    t);
}

gt_value gt_choice(const gt_ctx *cx, const char *op, const char *attr, const char *name) {
  gt_value value = GT_INT(-1);
  int found = gt_op_find(cx, op);
  for (int i = 0; found >= 0 && i < cx->ops[found]->attr_count; i++) {
    const gt_setting *a = &cx->ops[found]->attrs[i];
    if (a->choices && !strcmp(a->name, attr)) value.i = gt_choice_find(a->choices, name, strlen(name));
  }
  return value;
}
