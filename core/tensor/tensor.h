/* tensor.h: a strided view of a reference-counted storage.
 *
 * Ownership: *_new and out-parameters hand over one reference; gt_tensor_ref/unref are the only
 * ways to share; a pointer received as an argument is borrowed until the function returns.
 * Dimensions count from 0; negative ones from the end are resolved by the op that takes them. */
#ifndef GT_TENSOR_H
#define GT_TENSOR_H

#include "core/tensor/context.h"
#include "core/tensor/dtype.h"

#define GT_MAX_DIM 8

typedef struct gt_tensor gt_tensor;

/* Shape and kind of a tensor that need not exist. */
typedef struct gt_spec {
  gt_dtype dtype;
  int ndim;
  int64_t shape[GT_MAX_DIM];
} gt_spec;

/* Bytes on one device. */
struct gt_storage {
  int refs;
  uint32_t version; /* bumped by every in-place write; backward compares it with what it saved */
  const gt_backend *device;
  size_t bytes;
  void *data; /* NULL on meta */
};

struct gt_tensor {
  /* read-only outside core/tensor */
  int refs;
  gt_dtype dtype;
  int ndim;
  int64_t shape[GT_MAX_DIM];
  int64_t stride[GT_MAX_DIM]; /* in elements */
  int64_t offset;             /* in elements */
  gt_storage *storage;
  bool wrapped; /* a Lua number: never promotes a tensor of its own kind */

  /* autograd: graph.c only, except requires_grad of leaves */
  bool requires_grad;
  bool partial;    /* gradient of a backward that failed halfway: optimizers refuse it */
  gt_tensor *grad; /* leaves: accumulated gradient, same shape and dtype; NULL if none */
  gt_node *node;   /* the op that made it, NULL for leaves */
  int output;      /* which output of node */

  /* anyone */
  bool parameter; /* shown as nn.Parameter, registered as one when assigned to a module */
  bool boxed; /* the binding keeps one userdata for it (identity of parameters, buffers, gradients)
               */
};

/* Number of elements; specs are checked against overflow when they are made into tensors. */
int64_t gt_spec_count(const gt_spec *spec);
int64_t gt_count(const gt_tensor *t);
gt_spec gt_spec_of(const gt_tensor *t);
gt_spec gt_spec_make(gt_dtype dtype, int ndim, const int64_t *shape);
bool gt_same_shape(const gt_spec *a, const gt_spec *b);

/* Writes "(2, 3)" for messages; returns text. */
#define GT_SHAPE_TEXT 192
const char *gt_shape_text(const gt_spec *spec, char text[GT_SHAPE_TEXT]);

/* Uninitialised memory; shape checked (negative, product overflow, more bytes than any device has:
 * GT_ESHAPE/GT_ENOMEM). */
gt_status gt_tensor_new(gt_ctx *cx, const gt_spec *spec, const gt_backend *device, gt_tensor **out);
gt_status gt_tensor_zeros(gt_ctx *cx, const gt_spec *spec, const gt_backend *device,
                          gt_tensor **out);
/* GT_EDTYPE, with the range, when the dtype does not hold x; `name` is what it is given to. */
gt_status gt_check_scalar(gt_ctx *cx, const char *name, gt_dtype dtype, gt_scalar x);
/* A 0-d tensor on the CPU that is a wrapped number (dtype i64, f64 or bool), for scalar operands.
 */
gt_status gt_tensor_scalar(gt_ctx *cx, gt_dtype dtype, double f, int64_t i, gt_tensor **out);
/* A view: same storage, other geometry. Bounds are the caller's promise. */
gt_status gt_tensor_view(gt_ctx *cx, gt_tensor *base, int ndim, const int64_t *shape,
                         const int64_t *stride, int64_t offset, gt_tensor **out);

gt_tensor *gt_tensor_ref(gt_tensor *t); /* NULL passes through */
void gt_tensor_unref(gt_ctx *cx,
                     gt_tensor *t); /* never recurses: graph nodes are released by a worklist */

void gt_storage_unref(gt_ctx *cx, gt_storage *storage); /* core/tensor only */

bool gt_is_contiguous(const gt_tensor *t);
const gt_backend *gt_device_of(const gt_tensor *t);
void *gt_data(const gt_tensor *t); /* address of element 0, offset included */
void gt_touch(gt_tensor *t);       /* bumps the storage version: call after writing in place */

/* t itself (one more reference) when contiguous, else a contiguous copy.  Not recorded in the
 * graph. */
gt_status gt_contiguous(gt_ctx *cx, gt_tensor *t, gt_tensor **out);
/* A contiguous copy with memory of its own. */
gt_status gt_copy_new(gt_ctx *cx, gt_tensor *t, gt_dtype dtype, const gt_backend *device,
                      gt_tensor **out);
/* Copies elements with dtype conversion between any two devices; shapes must match exactly. In
 * place; bumps versions. */
gt_status gt_copy(gt_ctx *cx, gt_tensor *to, gt_tensor *from);
/* Reads count() elements of any tensor to the host in row-major order, converted to dtype;
 * synchronises. */
gt_status gt_read(gt_ctx *cx, gt_tensor *t, gt_dtype dtype, void *out);
/* The single element of t as double / int64 (GT_EARG with the count otherwise). */
gt_status gt_item(gt_ctx *cx, gt_tensor *t, double *f, int64_t *i);
/* Moves data of `to` onto the storage of `from` (parameter data swap, dtype change in place): to
 * keeps its identity. */
void gt_tensor_assign(gt_ctx *cx, gt_tensor *to, gt_tensor *from);

#endif
