/* device_cuda.c: finds devices by name; opens the CUDA plug-in when it is asked for the first time.
 * No CUDA header here: the plug-in is data behind one symbol. */
#include "core/tensor/allocator.h"
#include "core/tensor/op.h"

#include <dlfcn.h>

/* Sorts the plug-in's kernels into the order of the op table. */
static gt_status match_kernels(gt_ctx *cx, const gt_plugin *plugin) {
  gt_kernel(*kernels)[2] = gt_calloc(cx, (size_t)cx->op_count, sizeof *kernels);
  if (kernels == NULL) return GT_ENOMEM;
  for (const gt_device_kernel *k = plugin->kernels; k->op != NULL; k++) {
    int op = gt_op_find(cx, k->op);
    if (op < 0) continue; /* kernels of ops this build leaves out */
    kernels[op][0] = k->forward;
    kernels[op][1] = k->backward;
  }
  gt_free(cx->plugin_kernels);
  cx->plugin_kernels = kernels;
  return GT_OK;
}

static gt_status open_cuda(gt_ctx *cx) {
  if (cx->devices[GT_CUDA] != NULL) return GT_OK;
  if (cx->cuda_library == NULL)
    return gt_fail(cx, GT_EDEVICE, "cuda: this build has no CUDA plug-in (nvcc was not found)");
  /* Never closed: its static state (driver, cuBLAS) does not survive that. */
  void *library = dlopen(cx->cuda_library, RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) {
    const char *reason = dlerror();
    return gt_fail(cx, GT_EDEVICE, "cuda: cannot open the plug-in: %s", reason ? reason : "?");
  }
  const gt_plugin *plugin = dlsym(library, "gt_plugin");
  if (plugin == NULL) return gt_fail(cx, GT_EDEVICE, "cuda: %s is not a plug-in", cx->cuda_library);
  if (plugin->abi != GT_PLUGIN_ABI)
    return gt_fail(cx, GT_EDEVICE, "cuda: expected a plug-in of version %d, got %d; rebuild it",
                   GT_PLUGIN_ABI, plugin->abi);
  const gt_device *device = NULL;
  GT_TRY(plugin->open(cx, &device));
  GT_TRY(match_kernels(cx, plugin));
  GT_TRY(gt_allocator_new(cx, device, &cx->allocators[GT_CUDA]));
  cx->devices[GT_CUDA] = device;
  return GT_OK;
}

gt_status gt_device_find(gt_ctx *cx, const char *name, const gt_device **out) {
  if (strcmp(name, "cuda") == 0 || strcmp(name, "cuda:0") == 0) {
    GT_TRY(open_cuda(cx));
    *out = cx->devices[GT_CUDA];
    return GT_OK;
  }
  for (int kind = 0; kind < GT_NDEVICE; kind++) {
    if (kind == GT_CUDA || strcmp(name, cx->devices[kind]->name) != 0) continue;
    *out = cx->devices[kind];
    return GT_OK;
  }
  return gt_fail(cx, GT_EDEVICE, "device: expected cpu, cuda or meta, got %s", name);
}

int gt_cuda_available(gt_ctx *cx) {
  char message[GT_MESSAGE_MAX];
  memcpy(message, cx->message, sizeof message);
  bool available = open_cuda(cx) == GT_OK;
  memcpy(cx->message, message, sizeof message);
  return available;
}
