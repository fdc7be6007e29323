/* backend.h: where tensors live and ops run, as a value.
 *
 * A backend is one device: its kernels and everything that moves or makes data there.  Three types
 * exist: cpu (kernels/cpu, one per level of CPU), meta (shapes only, no memory) and cuda:0 … n,
 * which live in a plug-in of their own (gptsh-cuda.so) and are opened on first use, because loading
 * cuBLAS takes longer than gptsh.  Code outside a backend asks what it can do (`host`, `data`,
 * `halves`), never which one it is. */
#ifndef GT_BACKEND_H
#define GT_BACKEND_H

#include "core/tensor/dtype.h"
#include "core/tensor/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct gt_ctx gt_ctx;
typedef struct gt_call gt_call;
typedef struct gt_backend gt_backend;

/* Most dimensions a copy may have: repeat shows each dimension as two. */
#define GT_COPY_MAX_DIM 16
/* Backends of one session: cpu, meta and 14 others. */
#define GT_MAX_BACKENDS 16
/* The first of those of a plug-in: cuda:i is in slot GT_PLUGIN_SLOT + i. */
#define GT_PLUGIN_SLOT 2
#define GT_MAX_GPUS (GT_MAX_BACKENDS - GT_PLUGIN_SLOT)

typedef gt_status (*gt_kernel)(gt_call *);

/* Elements to move from one array to another of the same shape.  Strides count elements; those of
 * the source may be 0 or negative.  No two target elements share an address, the arrays do not
 * overlap. */
typedef struct gt_copying {
  int ndim;
  int64_t shape[GT_COPY_MAX_DIM];
  void *to;
  gt_dtype to_dtype;
  int64_t to_stride[GT_COPY_MAX_DIM];
  const void *from;
  gt_dtype from_dtype;
  int64_t from_stride[GT_COPY_MAX_DIM];
} gt_copying;

/* Drops dimensions of size 1, orders the rest by falling target stride and merges those that are
 * walked as one. */
void gt_copying_simplify(gt_copying *c);

/* Copies within a device by its strided_copy. */
gt_status gt_move(gt_ctx *cx, const gt_backend *device, int ndim, const int64_t *shape, void *to,
                  gt_dtype to_dtype, const int64_t *to_stride, const void *from,
                  gt_dtype from_dtype, const int64_t *from_stride);

typedef enum gt_distribution {
  GT_CONSTANT, /* the bytes of `value` */
  GT_NORMAL,   /* mean a, std b */
  GT_UNIFORM,  /* [a, b) */
  GT_INTEGERS, /* low … low + range - 1 */
} gt_distribution;

/* What to fill an array with: element i is a pure function of these and of i (rng_math.h). */
typedef struct gt_filling {
  gt_distribution distribution;
  uint64_t seed, stream;
  double a, b;
  int64_t low;
  uint64_t range;
  char value[8];
} gt_filling;

struct gt_backend {
  char name[12];    /* "cpu", "meta", "cuda:1" */
  const char *type; /* "cpu", "meta", "cuda" */
  int index;        /* among those of its type; -1: the only one */
  int slot;         /* its place in the arrays of gt_ctx */
  bool host;        /* the program itself can follow its pointers */
  bool data;        /* false: shapes only, no memory */
  unsigned halves;  /* 1 << dtype of each half that its kernels take as it is; others are widened */
  gt_kernel (*kernels)[2]; /* (op_count, 2) forward and backward; NULL: those of the descriptors */
  void *state;             /* its own */

  /* Raw memory, for the allocator. */
  gt_status (*alloc)(gt_ctx *, const gt_backend *, size_t bytes, void **out);
  void (*release)(gt_ctx *, const gt_backend *, void *, size_t bytes);
  /* Bytes from one backend to another; one of the two is this one, the other the same type or host.
   */
  gt_status (*copy)(gt_ctx *, void *to, const gt_backend *to_backend, const void *from,
                    const gt_backend *from_backend, size_t bytes);
  /* Elements within it, any strides, each dtype to each as dtype.h says. */
  gt_status (*strided_copy)(gt_ctx *, const gt_backend *, const gt_copying *);
  /* Fills n contiguous elements; the same bits on every backend. */
  gt_status (*fill)(gt_ctx *, const gt_backend *, void *to, gt_dtype dtype, int64_t n,
                    const gt_filling *);
  gt_status (*sync)(gt_ctx *, const gt_backend *); /* wait; where asynchronous faults surface */
  gt_status (*memory)(gt_ctx *, const gt_backend *, size_t *free_bytes, size_t *total_bytes);
};

/* One op's kernels on a plug-in's devices; backward is NULL where the op has a rule in ops or no
 * gradient. */
typedef struct gt_device_kernel {
  const char *op;
  gt_kernel forward, backward;
} gt_device_kernel;

/* What gptsh-cuda.so exports under the symbol `gt_plugin`. */
typedef struct gt_plugin {
  int abi; /* GT_PLUGIN_ABI it was built with */
  gt_status (*count)(gt_ctx *, int *devices);
  gt_status (*open)(gt_ctx *, int index, gt_backend *out); /* all but slot and kernels */
  const gt_device_kernel *kernels;                         /* ends with op == NULL */
} gt_plugin;

#define GT_PLUGIN_ABI 2

extern const gt_backend gt_backend_meta;

/* Looks a device up by "cpu", "meta", "cuda" (the session's own, cx->cuda_index) or "cuda:1"; opens
 * the CUDA plug-in and the device when asked for the first time. */
gt_status gt_backend_find(gt_ctx *cx, const char *name, const gt_backend **out);
/* The same without opening anything: *out is NULL for a GPU that is not open. */
gt_status gt_backend_opened(gt_ctx *cx, const char *name, const gt_backend **out);

/* Makes a backend part of the session, with an allocator; frees all of them. */
gt_status gt_backend_add(gt_ctx *cx, const gt_backend *backend);
void gt_backends_free(gt_ctx *cx);

/* For a call whose device has no kernel: moves it to the host, counts it and notes that once per
 * op, or refuses. */
gt_status gt_fallback(gt_call *c);

/* GPUs that the plug-in can use; 0 without one.  Never fails, leaves no message. */
int gt_cuda_count(gt_ctx *cx);

/* Memory of the host: what backends whose kernels are the CPU's are made of. */
gt_status gt_host_alloc(gt_ctx *, const gt_backend *, size_t bytes, void **out);
void gt_host_release(gt_ctx *, const gt_backend *, void *, size_t bytes);
gt_status gt_host_copy(gt_ctx *, void *to, const gt_backend *to_backend, const void *from,
                       const gt_backend *from_backend, size_t bytes);
gt_status gt_host_sync(gt_ctx *, const gt_backend *);
gt_status gt_host_memory(gt_ctx *, const gt_backend *, size_t *free_bytes, size_t *total_bytes);

#endif
