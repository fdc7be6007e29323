/* device.h: what a device must be able to do.  Three exist: cpu, meta (shapes only, no memory) and
 * cuda, which lives in a plug-in of its own (gptsh-cuda.so) and is opened on first use, because
 * loading cuBLAS takes longer than gptsh. */
#ifndef GT_DEVICE_H
#define GT_DEVICE_H

#include "core/tensor/status.h"

#include <stddef.h>

typedef struct gt_ctx gt_ctx;
typedef struct gt_call gt_call;
typedef struct gt_device gt_device;

typedef enum gt_device_kind { GT_CPU, GT_CUDA, GT_META, GT_NDEVICE } gt_device_kind;

struct gt_device {
  gt_device_kind kind;
  const char *name; /* "cpu", "cuda", "meta" */
  gt_status (*alloc)(gt_ctx *, const gt_device *, size_t bytes,
                     void **out); /* raw memory for the allocator */
  void (*release)(gt_ctx *, const gt_device *, void *, size_t bytes);
  gt_status (*copy)(gt_ctx *, void *to, const gt_device *to_device, const void *from,
                    const gt_device *from_device, size_t);
  gt_status (*zero)(gt_ctx *, const gt_device *, void *, size_t bytes);
  gt_status (*sync)(gt_ctx *, const gt_device *); /* wait; where asynchronous faults surface */
  gt_status (*memory)(gt_ctx *, const gt_device *, size_t *free_bytes, size_t *total_bytes);
};

typedef gt_status (*gt_kernel)(gt_call *);

/* One op's kernels on a plug-in device; backward is NULL where the op has a rule in ops or no
 * gradient. */
typedef struct gt_device_kernel {
  const char *op;
  gt_kernel forward, backward;
} gt_device_kernel;

/* What gptsh-cuda.so exports under the symbol `gt_plugin`. */
typedef struct gt_plugin {
  int abi; /* GT_PLUGIN_ABI it was built with */
  gt_status (*open)(gt_ctx *, const gt_device **out);
  const gt_device_kernel *kernels; /* ends with op == NULL */
} gt_plugin;

#define GT_PLUGIN_ABI 1

/* Looks a device up by "cpu", "meta", "cuda" or "cuda:0"; opens the CUDA plug-in when asked for the
 * first time. */
gt_status gt_device_find(gt_ctx *cx, const char *name, const gt_device **out);

/* True when the plug-in loads and finds a working GPU.  Never fails, leaves no message. */
int gt_cuda_available(gt_ctx *cx);

extern const gt_device gt_device_cpu;
extern const gt_device gt_device_meta;

#endif
