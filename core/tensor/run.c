/* run.c: executes one op: checks, shape rule, conversion, kernel, record.  The steps are those
 * listed in op.h. */
#include "core/tensor/run.h"

#include "core/tensor/anomaly.h"
#include "core/tensor/graph.h"
#include "core/tensor/prepare.h"

enum { FEW = 8 }; /* inputs held on the stack */

/* The arrays of a call: given[i] is what the caller passed, on[i] the same on the call's device,
 * in[i] what the kernel sees. */
typedef struct frame {
  gt_call call;
  gt_tensor *const *given;
  gt_tensor **on, **in;
  gt_tensor *few[2 * FEW];
  gt_spec few_specs[FEW];
  gt_value attr[GT_MAX_ATTR];
  gt_tensor *target; /* in place: receives output 0; NULL otherwise */
  int scratch;       /* blocks in use before the call */
} frame;

static gt_status check_inputs(gt_ctx *cx, const gt_op *op, gt_tensor *const *in, int nin) {
  char name[32];
  if (op->nin >= 0 && nin > op->nin)
    return gt_fail(cx, GT_EARG, "%s: expected at most %d tensors, got %d", op->name, op->nin, nin);
  if (op->nin < 0 && nin < 1)
    return gt_fail(cx, GT_EARG, "%s: expected at least one tensor, got none", op->name);
  int wanted = op->nin < 0 ? nin : op->nin;
  for (int i = 0; i < wanted; i++) {
    if (i < nin && in[i] != NULL) continue;
    if (op->nin < 0 || !gt_input_name(op, i, name))
      return gt_fail(cx, GT_EARG, "%s: expected a tensor for input %d (%s), got none", op->name,
                     i + 1, op->nin < 0 ? op->inputs : name);
  }
  return GT_OK;
}

static gt_status fill_attributes(frame *f, const gt_value *attr) {
  const gt_op *op = f->call.op;
  for (int i = 0; i < op->attr_count; i++) {
    bool given = attr != NULL && attr[i].given;
    if (!given && op->attrs[i].required)
      return gt_fail(f->call.cx, GT_EARG, "%s: expected a value for '%s', got none", op->name,
                     op->attrs[i].name);
    f->attr[i] = given ? attr[i] : op->attrs[i].preset;
  }
  f->call.attr = f->attr;
  return GT_OK;
}

/* Stays on the host until the kernel wants it: a plain number, or a 0-d tensor there that is only
 * read, as in PyTorch. */
static bool follows(const gt_call *c, int i, const gt_tensor *t) {
  if (t->wrapped) return true;
  return t->ndim == 0 && gt_device_of(t) == c->cx->cpu && !gt_op_bit(c->op, c->op->writes, i);
}

/* One device for all but those that follow. */
static gt_status choose_device(frame *f) {
  gt_call *c = &f->call;
  const gt_backend *device = NULL;
  for (int i = 0; i < c->nin; i++) {
    gt_tensor *t = f->on[i];
    if (t == NULL || follows(c, i, t)) continue;
    if (device != NULL && device != t->storage->device)
      return gt_fail(c->cx, GT_EDEVICE, "%s: expected tensors on one device, got %s and %s",
                     c->op->name, device->name, t->storage->device->name);
    device = t->storage->device;
  }
  c->device = device != NULL ? device : c->cx->cpu;
  return GT_OK;
}

/* Sets up everything up to the shape rule. */
static gt_status open_frame(frame *f, gt_ctx *cx, const gt_op *op, gt_tensor *const *in, int nin,
                            const gt_value *attr) {
  gt_call *c = &f->call;
  c->cx = cx;
  c->op = op;
  c->nin = 0;
  f->target = NULL;
  f->scratch = cx->scratch_count;
  for (int k = 0; k < GT_MAX_OUT; k++) c->out[k] = c->gout[k] = NULL;
  c->gin = NULL;
  c->want = c->accumulate = NULL;
  c->nout = op->nout;
  GT_TRY(gt_poll(cx));
  GT_TRY(check_inputs(cx, op, in, nin));
  GT_TRY(fill_attributes(f, attr));
  int count = op->nin < 0 ? nin : op->nin;
  f->given = in;
  f->on = f->few;
  f->in = f->few + FEW;
  c->in_spec = f->few_specs;
  if (count > FEW) {
    char *block = gt_malloc(cx, (size_t)count * (2 * sizeof *f->on + sizeof *c->in_spec));
    if (block == NULL) return GT_ENOMEM;
    c->in_spec = (gt_spec *)block;
    f->on = (gt_tensor **)(c->in_spec + count);
    f->in = f->on + count;
  }
  c->nin = count;
  for (int i = 0; i < count; i++) {
    f->on[i] = i < nin ? gt_tensor_ref(in[i]) : NULL;
    f->in[i] = NULL;
    if (f->on[i] == NULL) continue;
    c->in_spec[i].dtype = f->on[i]->dtype;
    c->in_spec[i].ndim = f->on[i]->ndim;
    memcpy(c->in_spec[i].shape, f->on[i]->shape, sizeof f->on[i]->shape);
  }
  c->in = f->on;
  GT_TRY(choose_device(f));
  gt_dtype_choose(c);
  return GT_OK;
}

static void close_frame(frame *f) {
  gt_call *c = &f->call;
  gt_scratch_release(c->cx, f->scratch);
  for (int i = 0; i < c->nin; i++) {
    gt_tensor_unref(c->cx, f->in[i]);
    gt_tensor_unref(c->cx, f->on[i]);
  }
  if (c->nin > FEW) gt_free(c->in_spec);
}

static gt_status infer(gt_call *c) {
  gt_dtype chosen = c->dtype;
  GT_TRY(c->op->infer(c));
  if (c->dtype == GT_NDTYPE)
    c->dtype = gt_dtype_compute_of(c->op->compute, c->nout > 0 ? c->spec[0].dtype : GT_F32);
  if (c->dtype != chosen) c->stored = c->dtype;
  return GT_OK;
}

static gt_status prepare_inputs(frame *f) {
  gt_call *c = &f->call;
  for (int i = 0; i < c->nin; i++) {
    if (f->on[i] == NULL) continue;
    bool contiguous = !gt_op_bit(c->op, c->op->strided, i);
    GT_TRY(gt_prepare(c->cx, f->on[i], gt_dtype_of_input(c, i), c->device, contiguous, &f->in[i]));
  }
  c->in = f->in;
  return GT_OK;
}

/* A view op may answer with its input; the result must be a tensor of its own. */
static gt_status run_view(frame *f) {
  gt_call *c = &f->call;
  gt_tensor *made = NULL;
  GT_TRY(c->op->view(c, &made));
  c->out[0] = made;
  if (made == f->on[0]) {
    c->out[0] = NULL;
    gt_status status = gt_tensor_view(c->cx, made, made->ndim, made->shape, made->stride,
                                      made->offset, &c->out[0]);
    gt_tensor_unref(c->cx, made);
    GT_TRY(status);
  }
  c->spec[0] = gt_spec_of(c->out[0]);
  return GT_OK;
}

/* True when the kernel may write output 0 straight into the target: every input that shares its
 * memory is read at the same place that is written. */
static bool writes_through(const frame *f) {
  const gt_call *c = &f->call;
  const gt_tensor *to = f->target;
  if (!c->op->elementwise || to->dtype != gt_dtype_of_output(c, c->spec[0].dtype) ||
      gt_device_of(to) != c->device || !gt_is_contiguous(to))
    return false;
  for (int i = 0; i < c->nin; i++) {
    const gt_tensor *t = c->in[i];
    if (t == NULL || t->storage != to->storage) continue;
    if (i != 0 || t->dtype != to->dtype || t->offset != to->offset || !gt_is_contiguous(t) ||
        gt_count(t) != gt_count(to))
      return false;
  }
  return true;
}

static gt_status allocate_outputs(frame *f) {
  gt_call *c = &f->call;
  for (int k = 0; k < c->nout; k++) {
    if (k == 0 && f->target != NULL && writes_through(f)) {
      c->out[0] = gt_tensor_ref(f->target);
      continue;
    }
    gt_spec spec = c->spec[k];
    spec.dtype = gt_dtype_of_output(c, spec.dtype);
    gt_status status = gt_tensor_new(c->cx, &spec, c->device, &c->out[k]);
    if (status == GT_ESHAPE) gt_fail(c->cx, status, "%s: %s", c->op->name, c->cx->message);
    GT_TRY(status);
  }
  return GT_OK;
}

/* Brings outputs to the dtypes of their specs, and from the host back to the call's device. */
static gt_status convert_outputs(gt_call *c) {
  for (int k = 0; k < c->nout; k++) {
    gt_tensor *computed = c->out[k], *wanted = NULL;
    if (computed->dtype == c->spec[k].dtype && gt_device_of(computed) == c->device) continue;
    GT_TRY(gt_prepare(c->cx, computed, c->spec[k].dtype, c->device, true, &wanted));
    gt_tensor_unref(c->cx, computed);
    c->out[k] = wanted;
  }
  return GT_OK;
}

/* Inputs that the op changes were converted copies where the kernel could not take them. */
static gt_status write_back(frame *f) {
  gt_call *c = &f->call;
  for (int i = 0; i < c->nin; i++) {
    if (f->on[i] == NULL || !gt_op_bit(c->op, c->op->writes, i)) continue;
    if (f->in[i] != f->on[i]) GT_TRY(gt_copy(c->cx, f->on[i], f->in[i]));
    gt_touch(f->on[i]);
  }
  return GT_OK;
}

static gt_status run_kernel(frame *f, gt_kernel kernel) {
  gt_call *c = &f->call;
  bool in_place = c->op->writes != 0 || f->target != NULL, shielded = c->cx->shielded;
  GT_TRY(prepare_inputs(f));
  GT_TRY(allocate_outputs(f));
  if (in_place) c->cx->shielded = true;
  gt_status status = gt_kernel_run(c, kernel, false);
  if (status == GT_OK && c->op->writes != 0) status = write_back(f);
  c->cx->shielded = shielded;
  return status != GT_OK || in_place ? status : gt_poll(c->cx);
}

static gt_status compute(frame *f) {
  gt_call *c = &f->call;
  const gt_backend *device = c->device;
  gt_dtype stored = c->stored;
  gt_kernel kernel;
  GT_TRY(gt_kernel_or_fallback(c, false, &kernel));
  GT_TRY(run_kernel(f, kernel));
  c->device = device;
  c->stored = stored;
  return convert_outputs(c);
}

static gt_status check_writes(const frame *f) {
  const gt_call *c = &f->call;
  for (int i = 0; i < c->nin; i++) {
    if (f->on[i] != NULL && gt_op_bit(c->op, c->op->writes, i))
      GT_TRY(gt_graph_check_write(c->cx, c->op->name, f->on[i]));
  }
  return GT_OK;
}

/* A gradient that the op has no rule for would be lost without a word. */
static gt_status check_gradients(const frame *f) {
  const gt_call *c = &f->call;
  char name[32];
  for (int i = 0; i < c->nin; i++) {
    const gt_tensor *t = f->on[i];
    if (t == NULL || gt_op_bit(c->op, c->op->differentiable, i)) continue;
    if (!t->requires_grad && t->node == NULL) continue;
    gt_input_name(c->op, i, name);
    return gt_fail(c->cx, GT_EGRAPH,
                   "%s: expected '%s' to need no gradient, none would reach it; use detach()",
                   c->op->name, name);
  }
  return GT_OK;
}

static gt_status run(frame *f) {
  gt_call *c = &f->call;
  if (c->op->differentiable != 0 && c->cx->grad_enabled) GT_TRY(check_gradients(f));
  if (c->op->view != NULL) {
    GT_TRY(run_view(f));
  } else {
    if (c->op->writes != 0) GT_TRY(check_writes(f));
    GT_TRY(infer(c));
    GT_TRY(compute(f));
    if (c->cx->anomaly != NULL) GT_TRY(gt_anomaly_check(c->cx, c->cx->anomaly, c));
  }
  if (!gt_graph_wanted(c->cx, c->op, f->on, c->nin)) return GT_OK;
  return gt_graph_record(c, f->on);
}

static void drop_outputs(gt_call *c, int from) {
  for (int k = from; k < c->nout; k++) {
    gt_tensor_unref(c->cx, c->out[k]);
    c->out[k] = NULL;
  }
}

static gt_status run_op(gt_ctx *cx, const gt_op *op, gt_tensor *const *in, int nin,
                        const gt_value *attr, gt_tensor **out) {
  frame f;
  gt_status status = open_frame(&f, cx, op, in, nin, attr);
  if (status == GT_OK) status = run(&f);
  int results = status == GT_OK ? gt_op_results(op) : 0;
  for (int k = 0; k < results; k++) out[k] = f.call.out[k];
  drop_outputs(&f.call, results);
  close_frame(&f);
  return status;
}

/* ---- autocast ---- */

/* The dtype that the inputs of op are rounded to, GT_NDTYPE for none: f64 stays as it is. */
static gt_dtype low_dtype(const gt_ctx *cx, const gt_op *op, gt_tensor *const *in, int nin) {
  gt_dtype low = GT_NDTYPE;
  for (int i = 0; op->autocast && i < nin && i < FEW; i++) {
    if (in[i] == NULL || !gt_op_bit(op, op->numeric, i)) continue;
    const gt_autocast *mode = &cx->autocast[gt_device_of(in[i])->slot];
    if (!mode->on || !gt_dtype_is_float(in[i]->dtype) || in[i]->dtype == GT_F64) return GT_NDTYPE;
    low = mode->dtype;
  }
  return low;
}

static gt_status run_rounded(gt_ctx *cx, const gt_op *op, gt_tensor *const *in, int nin,
                             const gt_value *attr, gt_dtype low, gt_tensor **out) {
  gt_tensor *rounded[FEW] = {NULL};
  gt_status status = GT_OK;
  for (int i = 0; i < nin && status == GT_OK; i++) {
    if (in[i] == NULL || in[i]->dtype == low || !gt_op_bit(op, op->numeric, i))
      rounded[i] = gt_tensor_ref(in[i]);
    else
      status = gt_apply1(cx, "to", in[i], GT_ARGS({"dtype", GT_INT(low)}), &rounded[i]);
  }
  if (status == GT_OK) status = run_op(cx, op, rounded, nin, attr, out);
  for (int i = 0; i < nin; i++) gt_tensor_unref(cx, rounded[i]);
  return status;
}

gt_status gt_run(gt_ctx *cx, const gt_op *op, gt_tensor *const *in, int nin, const gt_value *attr,
                 gt_tensor **out) {
  gt_dtype low = low_dtype(cx, op, in, nin);
  if (low != GT_NDTYPE) return run_rounded(cx, op, in, nin, attr, low, out);
  return run_op(cx, op, in, nin, attr, out);
}

/* ---- in place ---- */

static gt_status check_target(const gt_call *c, const gt_tensor *target) {
  gt_spec have = gt_spec_of(target);
  char expected[GT_SHAPE_TEXT], got[GT_SHAPE_TEXT];
  if (!gt_same_shape(&have, &c->spec[0]))
    return gt_fail(c->cx, GT_ESHAPE, "%s_: expected a result of shape %s, got %s", c->op->name,
                   gt_shape_text(&have, expected), gt_shape_text(&c->spec[0], got));
  gt_dtype result = c->spec[0].dtype;
  bool narrows = gt_dtype_is_float(result) ? !gt_dtype_is_float(target->dtype)
                                           : target->dtype == GT_BOOL && result != GT_BOOL;
  if (narrows)
    return gt_fail(c->cx, GT_EDTYPE, "%s_: expected a result that fits %s, got %s", c->op->name,
                   gt_dtype_name(target->dtype), gt_dtype_name(result));
  if (c->device != target->storage->device)
    return gt_fail(c->cx, GT_EDEVICE, "%s_: expected tensors on %s, got %s", c->op->name,
                   target->storage->device->name, c->device->name);
  return GT_OK;
}

static gt_status run_into(frame *f, gt_tensor *target) {
  gt_call *c = &f->call;
  char name[64];
  size_t length = strlen(c->op->name) < sizeof name - 2 ? strlen(c->op->name) : sizeof name - 2;
  memcpy(name, c->op->name, length);
  memcpy(name + length, "_", 2);
  if (c->op->nout != 1 || c->op->view != NULL)
    return gt_fail(c->cx, GT_EARG, "%s: this op has no in-place form", name);
  GT_TRY(gt_graph_check_write(c->cx, name, target));
  for (int i = 0; i < c->nin; i++) {
    if (f->on[i] != NULL) GT_TRY(gt_graph_check_write(c->cx, name, f->on[i]));
  }
  GT_TRY(infer(c));
  GT_TRY(check_target(c, target));
  f->target = target;
  GT_TRY(compute(f));
  if (c->out[0]->storage != target->storage) return gt_copy(c->cx, target, c->out[0]);
  gt_touch(target);
  return GT_OK;
}

gt_status gt_run_into(gt_ctx *cx, const gt_op *op, gt_tensor *const *in, int nin,
                      const gt_value *attr, gt_tensor *target) {
  frame f;
  gt_status status = open_frame(&f, cx, op, in, nin, attr);
  if (status == GT_OK) status = run_into(&f, target);
  drop_outputs(&f.call, 0);
  close_frame(&f);
  return status;
}

/* The op of a name, and its attribute list (NULL: all defaults) in `attr` from named arguments. */
static gt_status look_up(gt_ctx *cx, const char *name, const gt_arg *args, const gt_op **op,
                         gt_value *attr, const gt_value **list) {
  int index = gt_op_find(cx, name);
  if (index < 0) return gt_fail(cx, GT_EARG, "%s: there is no such op", name);
  *op = cx->ops[index];
  *list = NULL;
  if (args == NULL || args->name == NULL) return GT_OK;
  for (int i = 0; i < (*op)->attr_count; i++) attr[i].given = false;
  for (; args->name != NULL; args++) {
    int i = 0;
    while (i < (*op)->attr_count && strcmp((*op)->attrs[i].name, args->name) != 0) i++;
    if (i == (*op)->attr_count)
      return gt_fail(cx, GT_EARG, "%s: there is no attribute '%s'", name, args->name);
    attr[i] = args->value;
  }
  *list = attr;
  return GT_OK;
}

gt_status gt_apply(gt_ctx *cx, const char *name, gt_tensor *const *in, int nin, const gt_arg *args,
                   gt_tensor **out) {
  gt_value attr[GT_MAX_ATTR];
  const gt_value *list;
  const gt_op *op;
  GT_TRY(look_up(cx, name, args, &op, attr, &list));
  return gt_run(cx, op, in, nin, list, out);
}

gt_status gt_apply_into(gt_ctx *cx, const char *name, gt_tensor *const *in, int nin,
                        const gt_arg *args, gt_tensor *target) {
  gt_value attr[GT_MAX_ATTR];
  const gt_value *list;
  const gt_op *op;
  GT_TRY(look_up(cx, name, args, &op, attr, &list));
  return gt_run_into(cx, op, in, nin, list, target);
}

/* True when only the holder of t can see what t holds, now and in the backward. */
static bool is_private(const gt_ctx *cx, const gt_tensor *t) {
  bool recorded = cx->grad_enabled && (t->requires_grad || t->node != NULL);
  return !recorded && t->refs == 1 && t->storage->refs == 1;
}

gt_status gt_replace(gt_ctx *cx, const char *name, const gt_arg *args, gt_tensor **t) {
  gt_value attr[GT_MAX_ATTR];
  const gt_value *list;
  const gt_op *op;
  gt_tensor *y = NULL;
  GT_TRY(look_up(cx, name, args, &op, attr, &list));
  bool same_kind = op->elementwise && op->differentiable && gt_dtype_is_float((*t)->dtype);
  if (same_kind && cx->anomaly == NULL && is_private(cx, *t))
    return gt_run_into(cx, op, t, 1, list, *t);
  GT_TRY(gt_run(cx, op, t, 1, list, &y));
  gt_tensor_unref(cx, *t);
  *t = y;
  return GT_OK;
}

gt_status gt_apply1(gt_ctx *cx, const char *op, gt_tensor *a, const gt_arg *args, gt_tensor **out) {
  return gt_apply(cx, op, (gt_tensor *[]){a}, 1, args, out);
}

gt_status gt_apply2(gt_ctx *cx, const char *op, gt_tensor *a, gt_tensor *b, const gt_arg *args,
                    gt_tensor **out) {
  return gt_apply(cx, op, (gt_tensor *[]){a, b}, 2, args, out);
}
