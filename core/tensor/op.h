/* op.h: the contract between kernels/ and everything else.
 *
 * One op is one gt_op descriptor.  core/ knows ops as data only; the descriptor drives dispatch,
 * the Lua binding, help() and the generic op test.  An op is one of three kinds:
 *   view   makes a new geometry of the same storage (`view`); its gradient is a rule in ops;
 *   plain  computes (`infer`, `forward`); its gradient is a rule written in other ops (`rule`): any
 *          device;
 *   fused  computes, with a hand-written `backward` kernel, for speed.
 *
 * What run.c does around a kernel, so that kernels need not:
 *   - checks that tensors share a device, but for 0-d ones on the CPU; polls the interrupt flag;
 *   - chooses the compute dtype c->dtype from the `numeric` inputs (see `compute`; without any,
 *     from the first output) before `infer`, which may change it: sum(x, {dtype=f64}) sets it;
 *   - brings these and plain numbers to that device, converts the numeric inputs to c->stored and
 *     makes all inputs contiguous (unless named by `strided`);
 *   - gives the kernel outputs of the spec's dtype when that is i64 or c->stored; all others
 *     (bool, narrow integers, the other floats) are computed in c->stored and converted after.
 *     c->stored is c->dtype, or a half where the device's kernels take it (gt_backend.halves).  So
 * a CPU kernel of a GT_REALS or GT_NUMBERS op sees f32, f64 and i64 only, unless it asks for the
 *     dtypes given (`any_dtype`, `direct`);
 *   - allocates outputs (contiguous) from infer's specs.  Kernels must accept empty tensors.  On
 *     meta it does all this and calls no kernel, so that its counts of memory are those of the CPU;
 *   - records the graph node; in backward converts and allocates the same way;
 *   - where the device has no kernel, does all this on the host and takes the results back.
 * Kernels take scratch from gt_scratch(), never own anything, never synchronise, never print. */
#ifndef GT_OP_H
#define GT_OP_H

#include "core/tensor/setting.h"

#define GT_MAX_OUT 4
#define GT_MAX_ATTR 12

typedef enum gt_compute {
  GT_BYTES,   /* any dtype, the kernel moves elements by size; nothing is converted */
  GT_REALS,   /* f32 or f64; halves go through f32, integers and bool become f32 */
  GT_NUMBERS, /* f32, f64 or i64; integers and bool go through i64 */
} gt_compute;

/* One call of an op, on the stack of run.c or backward.c.  All pointers are borrowed. */
struct gt_call {
  gt_ctx *cx;
  const gt_op *op;
  /* (op->attr_count) with defaults filled in */
  const gt_value *attr;
  int nin, nout;
  /* (nin) NULL for absent optional inputs; in backward only the saved ones are set */
  gt_tensor **in;
  /* (nin) shape and dtype the user gave; always valid for present inputs */
  gt_spec *in_spec;
  /* written by infer, valid from then on */
  gt_spec spec[GT_MAX_OUT];
  /* forward: to fill; backward: the saved ones */
  gt_tensor *out[GT_MAX_OUT];
  /* the compute dtype chosen: GT_F32, GT_F64 or GT_I64 */
  gt_dtype dtype;
  /* the dtype in which the kernel reads numeric inputs: `dtype`, or the half that was given where
   * the device's kernels take halves */
  gt_dtype stored;
  const gt_backend *device;

  /* ---- backward only ---- */

  /* gradients of the outputs; NULL means zero */
  gt_tensor *gout[GT_MAX_OUT];
  /* (nin) fused: to fill, NULL where not wanted; rule: the rule stores new references here */
  gt_tensor **gin;
  /* (nin) whether gin[i] is wanted */
  bool *want;
  /* (nin) fused: add to gin[i] (true) or overwrite it (false) */
  bool *accumulate;
};

/* In every mask, bit i stands for input (or output) i; for a variadic op, bit 0 applies to every
 * input. */
struct gt_op {
  /* "rms_norm": torch.rms_norm in Lua unless `where` says otherwise */
  const char *name;
  /* one line for help(): "y = x / sqrt(mean(x^2) + eps) over the last axis" */
  const char *doc;
  /* names for messages and help: "x, weight?" (? optional), "tensors..." (variadic) */
  const char *inputs;
  /* Lua places besides torch: "F", "method", "F method", "" (internal: only core and tests) */
  const char *where;
  /* nin counts optional inputs; -1: variadic, all of one kind */
  int nin, nout;
  /* the last `hidden` of the nout outputs are only for backward (with save_out): no caller receives
   * them */
  int hidden;
  gt_compute compute;
  /* mask of inputs converted to the compute dtype (GT_REALS, GT_NUMBERS) */
  unsigned numeric;
  /* mask of inputs the kernel takes with any strides */
  unsigned strided;
  /* mask of inputs that may be true or false where input 0 is bool */
  unsigned truth;
  /* the kernel converts numeric inputs and outputs itself, block by block (what gt_cpu_map does):
   * run.c leaves their dtypes alone */
  bool any_dtype;
  /* the same for this call only, decided by its in_spec; may be NULL */
  bool (*direct)(const gt_call *c);
  /* under autocast its numeric inputs are first rounded to the low dtype; the roundings are
   * recorded, so gradients reach the wide tensors in their own dtype */
  bool autocast;
  /* mask of inputs that can have gradients */
  unsigned differentiable;
  /* masks of what backward reads */
  unsigned save_in, save_out;
  /* mask of saved inputs that only the gradients of other inputs read (a of a * b): not kept when
   * no other input wants one */
  unsigned save_crossed;
  /* out[0] may be the same memory as in[0]: gives the method `name_` (in place) for free */
  bool elementwise;
  /* the forward touches data by gt_move() and the device's fill only: it is the kernel of every
   * device */
  bool moves;
  /* mask of inputs modified in place; such an op has nout == 0 and the binding returns the first of
   * them */
  unsigned writes;
  const gt_setting *attrs;
  int attr_count;
  gt_status (*view)(gt_call *c, gt_tensor **out);
  /* shapes, dtypes and every user-facing check; touches no data */
  gt_status (*infer)(gt_call *c);
  /* bytes of gt_scratch() that the CPU kernel holds in the end, for meta's counts; NULL: next to
   * nothing */
  size_t (*scratch)(const gt_call *c, bool backward);
  /* the CPU's kernels; backward is for fused ops */
  gt_kernel forward, backward;
  /* the gradient in ops, on any device: uses gt_apply, stores into c->gin */
  gt_kernel rule;
};

/* Outputs that the caller of an op receives. */
static inline int gt_op_results(const gt_op *op) { return op->nout - op->hidden; }

/* ---- helpers for infer ---- */

/* The same shape and dtype as input `in`. */
gt_status gt_out_like(gt_call *c, int out, int in);
gt_status gt_out_spec(gt_call *c, int out, gt_dtype dtype, int ndim, const int64_t *shape);
/* The broadcast shape of inputs first…last. */
gt_status gt_out_broadcast(gt_call *c, int out, int first, int last, gt_dtype dtype);
/* The dtype that the inputs of the mask promote to by PyTorch's rules, wrapped numbers included. */
gt_dtype gt_result_type(const gt_call *c, unsigned inputs);
/* Resolves a negative dim; a 0-d tensor has dims 0 and -1; GT_EINDEX. */
gt_status gt_dim_resolve(gt_ctx *cx, const char *op, int64_t dim, int ndim, int *out);

/* Copies the name of input i out of "x, weight?, tensors..."; true when it may be absent. */
bool gt_input_name(const gt_op *op, int i, char name[32]);

#define GT_COUNT(array) (int)(sizeof(array) / sizeof *(array))

#endif
