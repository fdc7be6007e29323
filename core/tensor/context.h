/* context.h: everything one session shares: error text, devices, allocators, the op table, random
 * streams, threads, the interrupt flag.  There is no other global state in core/ or kernels/.  One
 * thread uses a context; pool workers only run the chunks that gt_parallel() hands them. */
#ifndef GT_CONTEXT_H
#define GT_CONTEXT_H

#include "core/tensor/backend.h"
#include "core/tensor/dtype.h"
#include "core/tensor/status.h"

#include <stdlib.h>

typedef struct gt_op gt_op;
typedef struct gt_pool gt_pool;
typedef struct gt_allocator gt_allocator;
typedef struct gt_storage gt_storage;
typedef struct gt_node gt_node;
typedef struct gt_anomaly gt_anomaly;

#define GT_MESSAGE_MAX 1024
#define GT_MAX_SCRATCH 16

/* Called around every module forward (core/model); inspection uses it. */
typedef struct gt_observer gt_observer;

/* Mixed precision: while `on`, products (gt_op.autocast) round their inputs to `dtype`. */
typedef struct gt_autocast {
  bool on;
  gt_dtype dtype; /* bf16 or f16 */
} gt_autocast;

/* What products of f32 matrices may lose for speed, as in PyTorch: nothing; all but 16 bits of each
 * factor's 24; all but 8. */
typedef enum gt_precision {
  GT_PRECISION_HIGHEST,
  GT_PRECISION_HIGH,
  GT_PRECISION_MEDIUM,
} gt_precision;

struct gt_ctx {
  /* ---- read-only outside context.c ---- */

  const gt_op *const *ops; /* (op_count) the table of kernels/, as data */
  int op_count;
  const gt_backend *cpu;                       /* the host */
  const gt_backend *backends[GT_MAX_BACKENDS]; /* by slot; NULL until opened */
  gt_allocator *allocators[GT_MAX_BACKENDS];
  const gt_plugin *plugin;        /* NULL until opened */
  gt_kernel (*plugin_kernels)[2]; /* (op_count, 2) of all its devices */
  int64_t *fallbacks;             /* (op_count) calls that ran on the host for want of a kernel */
  const char *cuda_library;       /* path of the plug-in */
  int *op_index;                  /* open-addressing hash of op names */
  gt_pool *pool;
  char message[GT_MESSAGE_MAX];

  /* ---- anyone may set ---- */

  bool grad_enabled;
  /* for ops on that backend */
  gt_autocast autocast[GT_MAX_BACKENDS];
  /* index of the device that "cuda" names */
  int cuda_index;
  /* of products of f32 matrices */
  gt_precision matmul_precision;
  /* an op without a kernel for its device fails instead of running on the host */
  bool refuse_fallback;
  /* tells the user something once; may be NULL */
  void (*note)(gt_ctx *, const char *text);
  uint64_t seed;     /* key of all random streams */
  uint64_t stream;   /* next unused stream number */
  uint64_t sequence; /* next graph node number */
  /* core/model/module.h */
  gt_observer *observer;
  /* core/tensor/anomaly.h; NULL: results are not looked at */
  gt_anomaly *anomaly;
  /* interrupts wait until this is false again: set around work that must not stop halfway, such as
   * an optimizer step.  gt_poll() and gt_parallel() honour it */
  bool shielded;
  /* the binding's data; core never looks inside */
  void *host;
  /* for the context that a worker has for its messages, the one whose interrupts it obeys; NULL:
   * its own */
  const gt_ctx *session;

  /* ---- private ---- */

  int interrupted; /* read and written atomically: by signal handlers and by all threads */
  struct {
    void *data;
    size_t bytes;
    const gt_backend *device;
  } scratch[GT_MAX_SCRATCH];
  int scratch_count;
  int64_t fail_after; /* allocation-fault hook: -1 off, n: n more succeed, then one fails */
  bool fail_persist;  /* and every one after it */
  gt_node *dead;      /* graph nodes waiting to be released */
  bool releasing;     /* that list is being emptied */
};

typedef struct gt_config {
  const gt_backend *cpu;
  const gt_op *const *ops;
  int op_count;
  int threads;              /* 0: one per available core */
  const char *cuda_library; /* NULL: no CUDA in this build */
} gt_config;

gt_status gt_ctx_new(const gt_config *config, gt_ctx **out);
void gt_ctx_free(gt_ctx *cx);

/* Stores the message and returns `status`, so that callers write `return gt_fail(cx, GT_ESHAPE,
 * "op: expected …, got …")`. */
gt_status gt_fail(gt_ctx *cx, gt_status status, const char *format, ...) GT_PRINTF(3, 4);

/* All allocations in core/ go through these functions, so that tests can fail the n-th one. */
void *gt_malloc(gt_ctx *cx, size_t bytes);              /* NULL with a message on failure */
void *gt_calloc(gt_ctx *cx, size_t count, size_t size); /* overflow-checked */
void *gt_realloc(gt_ctx *cx, void *old, size_t bytes);  /* the old block stays valid on failure */
char *gt_strdup(gt_ctx *cx, const char *text);
/* Makes room for one more item in a list of `count` items of `size` bytes; `list` points to the
 * pointer to them.  A full list doubles; on failure it stays as it was. */
gt_status gt_grow(gt_ctx *cx, void *list, int64_t count, int64_t *capacity, size_t size);
bool gt_fault(gt_ctx *cx); /* true when the fault hook says: fail here */
#define gt_free free

/* Temporary device memory for one op; all of it is returned when the op ends.  For kernels; main
 * thread only. */
gt_status gt_scratch(gt_ctx *cx, const gt_backend *device, size_t bytes, void **out);
/* Frees the scratch blocks above `keep`; run.c calls it. */
void gt_scratch_release(gt_ctx *cx, int keep);

/* Interrupts: the flag may be set from a signal handler; ops poll it and answer GT_EINTR. */
void gt_interrupt(gt_ctx *cx);
void gt_interrupt_clear(gt_ctx *cx);
static inline bool gt_interrupted(const gt_ctx *cx) { /* a shield does not matter */
  return __atomic_load_n(&cx->interrupted, __ATOMIC_RELAXED);
}
gt_status gt_poll(gt_ctx *cx);
/* What gt_poll() looks at, for loops inside chunks of gt_parallel(): they may leave off, as the op
 * fails with GT_EINTR.  To be asked once in GT_POLL_STEP elements or so. */
#define GT_POLL_STEP ((int64_t)1 << 20)
static inline bool gt_stopped(const gt_ctx *cx) {
  if (cx->session) cx = cx->session;
  return gt_interrupted(cx) && !cx->shielded;
}

/* Index of an op in the table, or -1. */
int gt_op_find(const gt_ctx *cx, const char *name);

#endif
