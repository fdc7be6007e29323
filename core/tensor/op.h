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
 *   - checks that tensors share a device, polls the interrupt flag;
 *   - chooses the compute dtype c->dtype from the `numeric` inputs (see `compute`; without any,
 *     from the first output) before `infer`, which may change it: sum(x, {dtype=f64}) sets it;
 *   - brings plain numbers to that device, converts the numeric inputs to c->stored and makes all
 *     inputs contiguous (unless named by `strided`);
 *   - gives the kernel outputs of the spec's dtype when that is i64 or c->stored; all others
 *     (bool, narrow integers, the other floats) are computed in c->stored and converted after.
 *     c->stored is c->dtype, or a half where the device's kernels take it (gt_backend.halves).  So a
 *     CPU kernel of a GT_REALS or GT_NUMBERS op sees f32, f64 and i64 only, unless it asks for what
 *     is there (`any_dtype`, `direct`);
 *   - allocates outputs (contiguous) from infer's specs.  Kernels must accept empty tensors.  On
 *     meta it does all this and calls no kernel, so that its counts of memory are those of the CPU;
 *   - records the graph node; in backward converts and allocates the same way;
 *   - where the device has no kernel, does all this on the host and takes the results back.
 * In every mask bit i stands for input (or output) i; of a variadic op bit 0 speaks for all inputs.
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

/* One invocation, on the stack of run.c / graph.c.  Borrowed pointers everywhere. */
struct gt_call {
  gt_ctx *cx;
  const gt_op *op;
  const gt_value *attr; /* (op->attr_count) defaults filled in */
  int nin, nout;
  gt_tensor *
      *in; /* (nin) absent optional inputs are NULL; in backward only the saved ones are set */
  gt_spec *in_spec; /* (nin) shape and dtype the user gave; always valid for present inputs */
  gt_spec spec[GT_MAX_OUT];   /* infer writes; later valid everywhere */
  gt_tensor *out[GT_MAX_OUT]; /* forward: to fill; backward: the saved ones */
  gt_dtype dtype;             /* the compute dtype chosen: GT_F32, GT_F64 or GT_I64 */
  gt_dtype stored;            /* what the kernel reads numeric inputs in: dtype, or a half for which
                                 dtype stands where the device's kernels take it */
  const gt_backend *device;

  /* backward only */
  gt_tensor *gout[GT_MAX_OUT]; /* gradients that came; NULL means zero */
  gt_tensor **gin;  /* (nin) fused: to fill, NULL where not wanted; rule: the rule stores new
                       references here */
  bool *want;       /* (nin) */
  bool *accumulate; /* (nin) fused: add to gin[i] (true) or overwrite it (false) */
};

struct gt_op {
  const char *name; /* "rms_norm": torch.rms_norm in Lua unless `methods` says otherwise */
  const char *doc;  /* "y = x / sqrt(mean(x^2) + eps) over the last axis": one line, for help() */
  const char
      *inputs; /* "x, weight?": names for messages and help; ? optional; "tensors..." variadic */
  const char *where; /* Lua places besides torch: "F", "method", "F method", "" (internal: only core
                        and tests) */
  int nin, nout;     /* nin counts optional inputs; -1: variadic, all of one kind */
  int hidden; /* the last `hidden` of the nout outputs are only for backward (with save_out): nobody
                 else receives them */
  gt_compute compute;
  unsigned numeric; /* mask of inputs converted to the compute dtype (GT_REALS, GT_NUMBERS) */
  unsigned strided; /* mask of inputs the kernel takes with any strides */
  unsigned truth;   /* mask of inputs that true or false may stand for where input 0 is bool */
  bool any_dtype;   /* the kernel converts numeric inputs and outputs itself, block by block (what
                       gt_cpu_map does): run.c leaves their dtypes alone */
  bool (*direct)(const gt_call *c); /* the same, of this call only, by its in_spec; may be NULL */
  bool
      autocast; /* under autocast its numeric inputs are first rounded to the low dtype; the
                   roundings are recorded, so gradients reach the wide tensors in their own dtype */
  unsigned
      differentiable; /* mask of inputs that can have gradients; variadic: bit 0 speaks for all */
  unsigned save_in, save_out; /* masks of what backward reads */
  unsigned save_crossed; /* mask of saved inputs that only the gradients of other inputs read (a of
                            a * b): not kept when no other input wants one */
  bool elementwise; /* out[0] may be the same memory as in[0]: gives the method `name_` (in place)
                       for free */
  bool moves; /* the forward touches data by gt_move() and the device's fill only: it is the kernel of
                 every device */
  unsigned writes;  /* mask of inputs modified in place; such an op has nout == 0 and the binding
                       returns in[first] */
  const gt_setting *attrs;
  int attr_count;
  gt_status (*view)(gt_call *c, gt_tensor **out);
  gt_status (*infer)(
      gt_call *c); /* shapes, dtypes and every user-facing check; no data is touched */
  size_t (*scratch)(const gt_call *c, bool backward); /* bytes of gt_scratch() that the CPU kernel
                       holds in the end, for meta's counts; NULL: next to nothing */
  gt_kernel forward;                                  /* CPU */
  gt_kernel backward;                                 /* CPU, fused ops */
  gt_kernel rule; /* gradient in ops, any device: uses gt_apply, stores into c->gin */
};

/* Outputs that the caller of an op receives. */
static inline int gt_op_results(const gt_op *op) { return op->nout - op->hidden; }

/* Helpers for infer: */
gt_status gt_out_like(gt_call *c, int out, int in); /* same shape and dtype as input `in` */
gt_status gt_out_spec(gt_call *c, int out, gt_dtype dtype, int ndim, const int64_t *shape);
gt_status gt_out_broadcast(gt_call *c, int out, int first, int last,
                           gt_dtype dtype); /* of inputs first…last */
gt_dtype gt_result_type(const gt_call *c,
                        unsigned inputs); /* promotion with weak scalars, PyTorch's rules */
gt_status gt_dim_resolve(gt_ctx *cx, const char *op, int64_t dim, int ndim,
                         int *out); /* negative dims; 0-d tensors have 0 and -1; GT_EINDEX */
/* Copies the name of input i out of "x, weight?, tensors..."; true when it may be absent. */
bool gt_input_name(const gt_op *op, int i, char name[32]);

#define GT_COUNT(array) (int)(sizeof(array) / sizeof *(array))

#endif
